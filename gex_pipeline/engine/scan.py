"""The morning table: where each coin stands, and where it stood a day before. Not: how it is shown."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
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
#: The last snapshot that was known, and of those half a day to a day and a half before it the one nearest to a day.
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
            AND known.snapshot_at >= latest.snapshot_at - INTERVAL 36 HOURS
            AND known.snapshot_at <= latest.snapshot_at - INTERVAL 12 HOURS
        QUALIFY row_number() OVER (
            PARTITION BY known.underlying
            ORDER BY abs(epoch(latest.snapshot_at - known.snapshot_at) - 86400), known.snapshot_at
        ) = 1
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
    ),
    books AS (
        SELECT
            snapshot_at, underlying,
            list(venues ORDER BY venues) FILTER (venues <> 'all' AND scope = 'all_expiry') AS venues,
            max(net_gex_usd) FILTER (venues = 'all' AND scope = 'odte') AS odte_net_gex_usd
        FROM exposure_totals
        WHERE sign_model = 'naive' AND snapshot_at IN (SELECT snapshot_at FROM two)
        GROUP BY snapshot_at, underlying
    ),
    sure AS (
        SELECT snapshot_at, underlying, without_low_usd, without_high_usd
        FROM net_gex_bands
        WHERE venues = 'all' AND scope = 'all_expiry' AND snapshot_at IN (SELECT snapshot_at FROM two)
    )
    SELECT *
    FROM two
    LEFT JOIN opex USING (snapshot_at, underlying)
    LEFT JOIN walls USING (snapshot_at, underlying)
    LEFT JOIN books USING (snapshot_at, underlying)
    LEFT JOIN sure USING (snapshot_at, underlying)
"""


def stored(store: Store) -> list[str]:
    """The coins that have a chain. Raises ``GexError`` where none has."""
    names = sorted({p.value("underlying") for p in store.partitions(CHAIN)})
    if not names:
        raise GexError(f"no chain in {store.root}: gex snapshot or gex import brings some")
    return names


def scan(store: Store, underlyings: Iterable[str], at: datetime) -> tuple[dict[str, Stand], dict[str, str]]:
    """Where each coin stands as of ``at``, and of those of which nothing can be said the reason in one line."""
    found: dict[str, as_of.Found] = {}
    missing: dict[str, str] = {}
    for name in underlyings:
        try:
            found[name] = as_of.find(store, name, at, None)
        except GexError as error:
            missing[name] = str(error)
    rows, unreadable = _rows(store, found, at)
    missing |= unreadable
    found = {name: each for name, each in found.items() if name not in unreadable}
    stands = {name: _stand(each, at, rows.get((name, True)), rows.get((name, False))) for name, each in found.items()}
    lacking = [name for name, stand in stands.items() if stand is None]
    missing |= {name: f"no regime of {name} was known at {at:%Y-%m-%dT%H:%M:%SZ}: run gex build" for name in lacking}
    return {name: stand for name, stand in stands.items() if stand is not None}, missing


#: By coin and whether it is the last, a row.
_Rows = dict[tuple[str, bool], dict[str, Any]]


def _rows(store: Store, found: Mapping[str, as_of.Found], at: datetime) -> tuple[_Rows, dict[str, str]]:
    """Rows of all coins, and of those whose files cannot be read the reason."""
    if not found:
        return {}, {}
    try:
        return _asked(store, found, at), {}
    except GexError as error:
        if len(found) == 1:
            return {}, dict.fromkeys(found, str(error))
    apart = [_rows(store, {name: each}, at) for name, each in found.items()]
    return dict(ChainMap(*(rows for rows, _ in apart))), dict(ChainMap(*(reasons for _, reasons in apart)))


def _asked(store: Store, found: Mapping[str, as_of.Found], at: datetime) -> _Rows:
    """Read of as many days as the oldest of the snapshots needs."""
    oldest = min(each.snapshot_at for each in found.values())
    since, alone = oldest.date() - timedelta(days=_DAYS_READ), next(iter(found)) if len(found) == 1 else None
    with closing(Session(store.root, since=since, underlying=alone)) as session:
        rows = session.query(_ASKED, [list(found), at]).rows(named=True)
    return {(row["underlying"], row.pop("is_latest")): row for row in rows}


def _stand(found: as_of.Found, at: datetime, now: dict[str, Any] | None, before: dict[str, Any] | None) -> Stand | None:
    if now is None:
        return None
    age = (at - now["snapshot_at"]).total_seconds()
    return Stand(now["underlying"], now, before, age, freshness.is_stale(age, found.usual_interval_seconds))
