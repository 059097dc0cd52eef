"""Real option trades of Deribit's USDC book: positions by them, summed here again from the file alone.

The archive is incomplete (the newest hundred of each poll) and has no open interest: the most that its trades can have
opened stands in for it, and what is shown is marked as reconstructed. Nor does it say which trades are blocks or legs.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.core.instruments import parse
from gex_pipeline.schema import CHAIN, TAKER_FLOW, TRADES
from gex_pipeline.schema.checks import violations
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.transforms.derive import derive
from gex_pipeline.transforms.taker_flow import taker_flow
from gex_pipeline.transforms.tape import Tape, hours_of
from gex_pipeline.venues.feeds import Haul, Span
from gex_pipeline.venues.tape import Trade, haul

BEGIN, END = datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 8, 23, tzinfo=UTC)
#: The period of the tape: the days before it come summed.
PERIOD = datetime(2026, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def lines(real_data: Path) -> list[dict[str, str]]:
    path = real_data / "trades" / "deribit-sol-hype-trades.csv.gz"
    if not path.is_file():
        pytest.skip(f"no real trades: {path} is no file")
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def hauled(lines: list[dict[str, str]]) -> Haul:
    """The file as rows of `trades`, by the code that reads the venue's own answers."""
    trades = [
        Trade(
            trade_id=r["trade_id"],
            traded_ms=int(r["ts_ms"]),
            instrument=r["instrument"],
            side=r["direction"],
            amount_coin=float(r["amount"]),
            price=float(r["price"]),
            iv=float(r["iv_pct"]) / 100 if r["iv_pct"] else None,
        )
        for r in lines
    ]
    return haul("deribit", ("SOL", "HYPE"), Span(BEGIN, END, END), trades)


def test_every_line_is_a_trade(lines: list[dict[str, str]], hauled: Haul) -> None:
    assert (len(lines), hauled.frame.height, hauled.dropped) == (47_848, 47_848, {})
    assert violations(TRADES, hauled.frame) == []
    assert Counter(hauled.frame["underlying"]) == Counter(r["asset"] for r in lines)


def test_sentinels_of_volatility_are_none(lines: list[dict[str, str]], hauled: Haul) -> None:
    sentinels = {r["trade_id"] for r in lines if float(r["iv_pct"]) in (0.0, 999.0)}
    capped = {r["trade_id"] for r in lines if not 1.0 <= float(r["iv_pct"]) < 500.0}
    missing = hauled.frame.filter(pl.col("iv").is_null())["trade_id"]
    assert set(missing) == capped >= sentinels
    assert len(sentinels) > 100


def test_nothing_is_known_of_blocks_and_combinations(lines: list[dict[str, str]], hauled: Haul) -> None:
    assert not {"block", "combo"} & {word for column in lines[0] for word in column.split("_")}
    assert hauled.frame.select("is_block", "block_id", "combo_id").null_count().row(0) == (47_848,) * 3


@pytest.mark.parametrize("coin", ["SOL", "HYPE"])
def test_positions_are_those_of_a_loop_over_the_file(lines: list[dict[str, str]], hauled: Haul, coin: str) -> None:
    trades = hauled.frame.filter(pl.col("underlying") == coin)
    chain = chain_of(trades)
    tape = tape_of(trades, chain)
    key = ("snapshot_at", "instrument")
    have = {
        tuple(r[k] for k in key): (r["inventory_coin"], r["n_trades"])
        for r in derive(chain, tape)["taker_inventory"].rows(named=True)
    }
    want = dict(looped([r for r in lines if r["asset"] == coin], snapshots()))
    live = set(chain.select(key).rows())
    assert have == {key: known for key, known in want.items() if key in live}  # a row a day: each is its first
    held = tape.on(chain).drop_nulls("dealer_coin").rows(named=True)
    assert {tuple(r[k] for k in key): r["dealer_coin"] for r in held} == {k: -coins for k, (coins, _) in have.items()}
    assert len(have) > 3_000 and any(held < 0 for held, _ in have.values())


@pytest.mark.parametrize("coin", ["SOL", "HYPE"])
def test_the_coverage_says_what_is_missing(hauled: Haul, coin: str) -> None:
    trades = hauled.frame.filter(pl.col("underlying") == coin)
    chain = chain_of(trades)
    tables = derive(chain, tape_of(trades, chain))
    coverage = tables["taker_coverage"].filter(pl.col("venues") == "deribit").sort("snapshot_at")
    assert coverage["first_trade_at"].unique().to_list() == [trades["traded_at"].min()]
    assert coverage["hours_without_trades"].is_sorted() and coverage["hours_without_trades"][-1] > 0
    assert coverage["status"][0] == "reconstructed"
    assert coverage["is_reconstructed"][0]
    levels = tables["levels"].filter(pl.col("sign_model") == "taker").sort("snapshot_at")
    assert levels.filter(pl.col("scope") == "all_expiry")["is_reconstructed"][0]


def snapshots() -> list[datetime]:
    return [PERIOD + i * DAY for i in range(22)]


def looped(lines: list[dict[str, str]], instants: list[datetime]):
    """(snapshot, contract) -> (coins that takers hold, trades) from the file alone; lots are tenths at the least."""
    held, count = defaultdict(int), Counter[str]()
    left = sorted(lines, key=lambda r: int(r["ts_ms"]), reverse=True)
    for at in instants:
        while left and int(left[-1]["ts_ms"]) <= at.timestamp() * 1_000:
            r = left.pop()
            held[r["instrument"]] += round(10 * float(r["amount"])) * (1 if r["direction"] == "buy" else -1)
            count[r["instrument"]] += 1
        yield from (((at, name), (tenths / 10, count[name])) for name, tenths in held.items())


def chain_of(trades: pl.DataFrame) -> pl.DataFrame:
    """Rows of `chain` at midnight for the contracts that have traded and live: open interest all that was traded."""
    rows = []
    for at in snapshots():
        known = trades.filter(pl.col("traded_at") <= at).group_by("instrument").agg(pl.col("amount_coin").sum())
        rows += [row(at, name, total) for name, total in known.rows()]
    frame = pl.DataFrame([r for r in rows if r["tenor_years"] > 0], schema=polars_schema(CHAIN), orient="row")
    return frame.sort(CHAIN.sort)


def row(at: datetime, name: str, total: float) -> dict[str, object]:
    contract = parse("deribit", name)
    assert contract is not None
    same = {"venue": "deribit", "forward_usd": 100.0, "index_usd": 100.0, "mark_iv": 0.8, "mark_usd": 1.0}
    return {
        **same,
        "snapshot_at": at,
        "knowledge_time": at,
        "underlying": contract.underlying,
        "instrument": name,
        "expiry_at": contract.expiry_at,
        "strike_usd": contract.strike_usd,
        "option_type": contract.option_type,
        "open_interest_coin": total,
        "tenor_years": (contract.expiry_at - at) / timedelta(days=365),
    }


def tape_of(trades: pl.DataFrame, chain: pl.DataFrame) -> Tape:
    is_before = pl.col("traded_at") < PERIOD
    flows = taker_flow(trades.filter(is_before))
    assert violations(TAKER_FLOW, flows) == []
    since = trades.filter(~is_before)
    old = chain.filter(pl.col("snapshot_at") == snapshots()[0]).select("venue", "instrument")
    first_us = {"deribit": int(trades["traded_at"].sort().cast(pl.Int64)[0])}
    return Tape.from_rows(PERIOD, flows, since, old, first_us, hours_of(flows, since))
