"""What dealers of a made-up market hold, beside what its trades and the naive signs say. Not here: expectations.

One venue, whole days from the first on, so that contracts listed since then have all of their trades in the tape.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from gex_pipeline.core.inventory import coins
from gex_pipeline.core.units import DAY_US
from gex_pipeline.market import books, chains, quotes
from gex_pipeline.market.books import Book
from gex_pipeline.market.listing import listed
from gex_pipeline.market.server import tape as market_tape
from gex_pipeline.market.server.answers import Moment
from gex_pipeline.market.switches import Switches
from gex_pipeline.market.world import World
from gex_pipeline.schema import TAKER_FLOW, TRADES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.transforms.contracts import Contracts
from gex_pipeline.transforms.tape import Tape, hours_of

START = date(2026, 1, 5)
VENUE, COIN = "deribit", "BTC"
_STEP_US = 6 * chains.HOUR_US
_UTC = pl.Datetime("us", "UTC")


def world_of(agreement: float, days: int, seed: int = 1) -> World:
    """A market whose customers have the usual habits (1), as often as not (0), or the opposite ones (-1).

    A day longer than what is looked at: the venue's days end at 08:00 UTC.
    """
    return World(seed, START, days + 1, Switches(agreement=agreement))


def positions(world: World) -> pl.DataFrame:
    """Contracts with open interest at every sixth hour, and who holds them.

    Columns of `chain` and :meth:`Tape.on`, the takers' ``inventory_coin``, the dealers' ``truth_coin`` and
    ``naive_coin``, and ``unit_gex``: USD per 1 % of one coin.
    """
    instants = np.arange(world.start_us + 3 * _STEP_US, _end_us(world), _STEP_US)
    chain = chains.chain(VENUE, COIN, world, instants).with_columns(pl.col(pl.Enum).cast(pl.String))
    chain = chain.filter(pl.col("open_interest_coin") > 0).sort(
        "snapshot_at", "expiry_at", "strike_usd", "option_type", "instrument"
    )
    contracts = Contracts.from_chain(chain, is_ordered=True)
    is_call = pl.col("option_type") == "C"
    tape = tape_of(trades(world), chain)
    known = tape.on(chain).with_columns(
        inventory_coin=pl.col("last_trade").map_batches(lambda last: coins(tape.sums.held[last.to_numpy(), 0])),
        naive_coin=pl.when(is_call).then(1).otherwise(-1) * pl.col("open_interest_coin"),
        unit_gex=pl.Series(contracts.gex / contracts.oi),
    )
    return known.join(truth(world, instants), on=["snapshot_at", "instrument"], how="left", maintain_order="left")


def truth(world: World, instants: np.ndarray) -> pl.DataFrame:
    """The dealers' position in every contract at some instants."""
    parts = [
        pl.DataFrame(
            {"instrument": listed(book, world, us).names, "truth_coin": quotes.dealers(book, world, us)}
        ).with_columns(snapshot_at=pl.lit(us).cast(_UTC))
        for us in instants.tolist()
        for book in _books()
    ]
    return pl.concat(parts)


def trades(world: World) -> pl.DataFrame:
    """All trades of the venue, as rows of `trades`; in them dealers are never takers."""
    return trades_of(world, _books(), _end_us(world))


def trades_of(world: World, of: list[Book], end_us: int) -> pl.DataFrame:
    """All trades of some books before an instant, as rows of `trades`."""
    found = market_tape.oldest_first(Moment(world, end_us - 1), of, world.start_us, end_us - 1, 10_000_000)
    return pl.DataFrame([_row(t) for t in found], schema=polars_schema(TRADES), orient="row")


def _end_us(world: World) -> int:
    return world.end_us - DAY_US


def _books() -> list[Book]:
    return [book for book in books.of(COIN) if book.venue == VENUE]


def _row(trade: market_tape.Trade) -> dict[str, object]:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=trade.time_us)
    named = {
        "venue": trade.book.venue,
        "underlying": trade.book.coin,
        "trade_id": f"{trade.book.family}-{trade.number}",
        "source": "synthetic",
    }
    size = {"taker_side": "buy" if trade.is_buy else "sell", "amount_coin": trade.amount, "is_block": trade.is_block}
    return {**named, **size, "traded_at": at, "knowledge_time": at, "instrument": trade.name, "price_usd": 1.0}


def tape_of(found: pl.DataFrame, chain: pl.DataFrame) -> Tape:
    """The tape of all trades; contracts of the first snapshot are older than it."""
    none = pl.DataFrame(schema=polars_schema(TAKER_FLOW))
    old = chain.filter(pl.col("snapshot_at") == pl.col("snapshot_at").min()).select("venue", "instrument")
    first_us = {VENUE: int(found["traded_at"].cast(pl.Int64).min())}
    return Tape.from_rows(datetime.combine(START, time(), UTC), none, found, old, first_us, hours_of(none, found))


@dataclass(frozen=True)
class Likeness:
    """How net gamma by a sign model is like the truth, over snapshots and over contracts.

    ``correlation`` and ``right`` (share of right signs) of net gamma over snapshots; ``ratio``: root mean square of net
    gamma over that of the truth; ``error``: root mean square of the difference over the same; ``of_gamma``: share of
    gross gamma whose contracts' signs are right.
    """

    correlation: float
    right: float
    ratio: float
    error: float
    of_gamma: float


def likeness(rows: pl.DataFrame, column: str) -> Likeness:
    """The likeness of a column of positions; a contract without a position counts as none held."""
    net = rows.group_by("snapshot_at", maintain_order=True).agg(
        (pl.col("unit_gex") * pl.col("truth_coin")).sum().alias("truth"),
        (pl.col("unit_gex") * pl.col(column).fill_null(0.0)).sum().alias("guess"),
    )
    true, guess = net["truth"].to_numpy(), net["guess"].to_numpy()
    gamma, is_held = rows["unit_gex"] * rows["truth_coin"].abs(), rows["truth_coin"] != 0
    is_right = (rows["truth_coin"].sign() == rows[column].fill_null(0.0).sign()) & is_held
    return Likeness(
        correlation=float(np.corrcoef(true, guess)[0, 1]),
        right=float(np.mean(np.sign(true) == np.sign(guess))),
        ratio=_size(guess) / _size(true),
        error=_size(guess - true) / _size(true),
        of_gamma=float(gamma.filter(is_right).sum() / gamma.sum()),
    )


def _size(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
