"""Every guard green on a sound book and red on a broken one, at the severity that is promised."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from gex_pipeline.schema import CHAIN_REJECTED
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.venues.guards import against_previous, examine, repeated
from tests import made_up
from tests.instants import utc

AT = utc("2026-01-05T12:00")
NONE = pl.DataFrame(schema=polars_schema(CHAIN_REJECTED))


@pytest.fixture(scope="module")
def chain() -> pl.DataFrame:
    return made_up.chain("deribit", "BTC", AT).with_columns(pl.col("instrument").cast(pl.String))


def rejected(chain: pl.DataFrame, rows: int, reason: str) -> pl.DataFrame:
    """The first rows of a chain as rejected ones."""
    names = chain["instrument"].head(rows)
    empty = {name: pl.Series([None] * rows, dtype=dtype) for name, dtype in NONE.schema.items()}
    return pl.DataFrame({**empty, "instrument": names, "reason": pl.Series([reason] * rows)}, schema=NONE.schema)


def listed(chain: pl.DataFrame) -> frozenset[str]:
    return frozenset(chain["instrument"])


def found(chain: pl.DataFrame, bad: pl.DataFrame = NONE, names: frozenset[str] | None = None) -> dict[str, str]:
    return {f.guard: f.severity for f in examine(chain, bad, listed(chain) if names is None else names)}


def test_a_sound_book_has_no_findings(chain: pl.DataFrame) -> None:
    assert found(chain) == {}


@pytest.mark.parametrize(("share", "severity"), [(0.005, None), (0.05, "warning"), (0.3, "error")])
def test_listed_contracts_that_are_not_sent(chain: pl.DataFrame, share: float, severity: str | None) -> None:
    kept = chain.head(round(chain.height * (1 - share)))
    assert found(kept, names=listed(chain)).get("completeness") == severity


def test_rows_that_are_rejected_were_sent(chain: pl.DataFrame) -> None:
    half = chain.height // 2
    bad = rejected(chain, half, "no_open_interest")
    assert "completeness" not in found(chain.tail(chain.height - half), bad, listed(chain))


@pytest.mark.parametrize(("share", "severity"), [(0.1, None), (0.3, "warning"), (0.6, "error")])
def test_sentinels_in_place_of_volatilities(chain: pl.DataFrame, share: float, severity: str | None) -> None:
    n = round(chain.height * share)
    for reason in ("no_iv", "iv_out_of_range"):
        assert found(chain.tail(chain.height - n), rejected(chain, n, reason)).get("volatility") == severity


@pytest.mark.parametrize(("factor", "severity"), [(1.1, None), (1.4, "warning"), (100.0, "error"), (0.01, "error")])
def test_a_forward_far_from_the_index(chain: pl.DataFrame, factor: float, severity: str | None) -> None:
    first = pl.int_range(pl.len()) == 0
    forward = pl.when(first).then(pl.col("forward_usd") * factor).otherwise(pl.col("forward_usd"))
    assert found(chain.with_columns(forward_usd=forward)).get("forward") == severity


@pytest.mark.parametrize(
    "change",
    [
        pl.col("mark_usd") * 100,  # another unit
        pl.col("mark_usd") / pl.col("forward_usd"),  # coin in place of USD
    ],
)
def test_marks_that_are_not_black_76_of_their_volatility(chain: pl.DataFrame, change: pl.Expr) -> None:
    assert found(chain.with_columns(mark_usd=change))["mark"] == "error"


def test_volatility_in_per_cent_is_seen_by_its_marks(chain: pl.DataFrame) -> None:
    assert found(chain.with_columns(mark_iv=pl.col("mark_iv") / 100))["mark"] == "error"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-1, {}), (60, {}), (300, {"stale": "warning"}), (3600, {"stale": "error"}), (-30, {"future": "warning"}),
     (-3600, {"future": "error"})],
)  # fmt: skip
def test_clocks_apart(chain: pl.DataFrame, seconds: int, expected: dict[str, str]) -> None:
    late = chain.with_columns(knowledge_time=pl.col("venue_time") + timedelta(seconds=seconds))
    assert found(late) == expected


def test_a_venue_without_a_clock_is_not_asked_for_it(chain: pl.DataFrame) -> None:
    assert found(chain.with_columns(venue_time=pl.lit(None, dtype=pl.Datetime("us", "UTC")))) == {}


@pytest.mark.parametrize(("share", "severity"), [(0.04, None), (0.3, "warning"), (0.66, "error"), (1.0, "error")])
def test_rows_that_cannot_be_used(chain: pl.DataFrame, share: float, severity: str | None) -> None:
    n = round(chain.height * share)
    bad = rejected(chain, n, "open_interest_negative")
    assert found(chain.tail(chain.height - n), bad, listed(chain)).get("rejected") == severity


def test_a_book_without_a_usable_row_is_an_error_whatever_the_reason(chain: pl.DataFrame) -> None:
    for reason in ("no_iv", "no_open_interest"):
        bad = rejected(chain, chain.height, reason)
        texts = [str(f) for f in examine(chain.clear(), bad, listed(chain), chain.height)]
        assert f"rejected: all {chain.height} rows are rejected, most for {reason}" in texts


def test_what_has_just_expired_is_not_missed(chain: pl.DataFrame) -> None:
    n = round(chain.height * 0.7)
    assert found(chain.tail(chain.height - n), rejected(chain, n, "expired"), frozenset()) == {}


def test_open_interest_that_a_venue_may_leave_out(chain: pl.DataFrame) -> None:
    n = round(chain.height * 0.66)
    bad = rejected(chain, n, "no_open_interest")
    assert examine(chain.tail(chain.height - n), bad, listed(chain), n) == []


@pytest.mark.parametrize(
    ("rows", "factor", "severity"),
    [(400, 0.0, "error"), (50, 0.0, "warning"), (400, 1.0, None), (400, 1e30, "error"), (400, 1e308, "error")],
)
def test_open_interest_that_no_market_has(chain: pl.DataFrame, rows: int, factor: float, severity: str | None) -> None:
    some = chain.head(rows).with_columns(pl.col("open_interest_coin") * factor)
    assert found(some, names=listed(some)).get("open_interest") == severity


def test_marks_that_are_missing_are_said(chain: pl.DataFrame) -> None:
    assert found(chain.with_columns(mark_usd=pl.lit(None, pl.Float64))) == {"mark": "warning"}


def test_a_contract_twice_with_other_values(chain: pl.DataFrame) -> None:
    assert found(chain, rejected(chain, 1, "duplicate")) == {"duplicates": "error"}
    assert repeated(0) == [] and repeated(3)[0].severity == "warning"


@pytest.mark.parametrize(("share", "severity"), [(0.1, None), (0.3, "warning"), (0.6, "error")])
def test_contracts_of_the_snapshot_before_that_are_gone(
    chain: pl.DataFrame, share: float, severity: str | None
) -> None:
    kept = chain.gather_every(1, offset=0).sample(fraction=1 - share, seed=1)
    finding = against_previous(kept, chain.select("snapshot_at", "instrument", "expiry_at"), AT)
    assert (finding and finding.severity) == severity


def test_contracts_that_expired_since_are_not_missed(chain: pl.DataFrame) -> None:
    front = pl.col("expiry_at") == pl.col("expiry_at").min()
    after = chain["expiry_at"].min() + timedelta(minutes=5)
    finding = against_previous(chain.filter(~front), chain.select("instrument", "expiry_at"), after)
    assert finding is None


def test_a_coin_of_which_nothing_is_left(chain: pl.DataFrame) -> None:
    finding = against_previous(chain.clear(), chain.select("instrument", "expiry_at"), AT)
    assert finding is not None and finding.severity == "error"
    assert against_previous(chain.clear(), chain.select("instrument", "expiry_at").clear(), AT) is None
