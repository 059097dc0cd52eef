"""The morning table: where each coin stands, and where it stood a day before. Not: how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from gex_pipeline.engine import as_of, freshness
from gex_pipeline.errors import GexError
from gex_pipeline.present.stand import Stand
from gex_pipeline.schema import CHAIN
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session

#: What the premium of the last snapshot is compared with (365 days), each with its 30 days of candles, and a margin.
_DAYS_READ = 365 + 30 + 5
#: The last snapshot that was known, and the last of those at least a day before it and less than two.
_ASKED = """
    WITH known AS MATERIALIZED (
        FROM regime WHERE underlying IN (SELECT unnest($1)) AND snapshot_at <= $2 AND knowledge_time <= $2
    ),
    latest AS (
        FROM known QUALIFY snapshot_at = max(snapshot_at) OVER (PARTITION BY underlying)
    ),
    earlier AS (
        SELECT known.*
        FROM known
        JOIN latest ON known.underlying = latest.underlying
            AND known.snapshot_at > latest.snapshot_at - INTERVAL 48 HOURS
            AND known.snapshot_at <= latest.snapshot_at - INTERVAL 24 HOURS
        QUALIFY known.snapshot_at = max(known.snapshot_at) OVER (PARTITION BY known.underlying)
    ),
    two AS (SELECT *, true AS is_latest FROM latest UNION ALL SELECT *, false FROM earlier),
    opex AS (
        SELECT snapshot_at, underlying, expiry_at AS opex_at, expiry_type AS opex_type, share_of_gross AS opex_share,
            zero_gamma_without_usd AS opex_flip_usd
        FROM expiry_summary
        WHERE venues = 'all' AND is_anchor AND snapshot_at IN (SELECT snapshot_at FROM two)
    ),
    walls AS (
        SELECT snapshot_at, underlying, call_resistance, put_support
        FROM levels_wide
        WHERE venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'
            AND snapshot_at IN (SELECT snapshot_at FROM two)
    )
    SELECT * FROM two LEFT JOIN opex USING (snapshot_at, underlying) LEFT JOIN walls USING (snapshot_at, underlying)
"""


def stored(store: Store) -> list[str]:
    """The coins that have a chain. Raises ``GexError`` where none has."""
    names = sorted({p.value("underlying") for p in store.partitions(CHAIN)})
    if not names:
        raise GexError(f"no chain in {store.root}: gex snapshot or gex import brings some")
    return names


def scan(store: Store, underlyings: Iterable[str], at: datetime) -> tuple[dict[str, Stand], dict[str, str]]:
    """Where each coin stands as of ``at``, and of those of which nothing can be said the reason in one line."""
    names = list(underlyings)
    with closing(Session(store.root, since=at.date() - timedelta(days=_DAYS_READ))) as session:
        rows = session.query(_ASKED, [names, at]).rows(named=True)
    by_coin = {(row["underlying"], row.pop("is_latest")): row for row in rows}
    found: dict[str, Stand] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            found[name] = _stand(store, name, at, by_coin.get((name, True)), by_coin.get((name, False)))
        except GexError as error:
            missing[name] = str(error)
    return found, missing


def _stand(store: Store, name: str, at: datetime, now: dict[str, Any] | None, before: dict[str, Any] | None) -> Stand:
    usual = as_of.find(store, name, at, None).usual_interval_seconds
    if now is None:
        raise GexError(f"no regime of {name} was known at {at:%Y-%m-%dT%H:%M:%SZ}: run gex build")
    age = (at - now["snapshot_at"]).total_seconds()
    return Stand(name, now, before, age, freshness.is_stale(age, usual))
