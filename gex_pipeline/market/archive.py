"""The made-up market as archive files: a vendor's Parquet and Tardis' ticks, in their words and units.

`archive.toml` beside this file is the mapping that turns the vendor's files back into `chain`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import polars as pl

from gex_pipeline.core.units import DAY_US
from gex_pipeline.market import chains
from gex_pipeline.market.books import BOOKS, per_usd
from gex_pipeline.market.draws import Ints, key, uniform
from gex_pipeline.market.world import World
from gex_pipeline.schema.chain import SYNTHETIC

#: The venue whose first day Tardis has.
TARDIS_VENUE = "deribit"
#: Share of hours that a venue's archive lacks.
_LACKING = 0.003
_HOUR, _DAY_HOURS, _BEFORE_US = timedelta(hours=1), 24, 1_000_000


@dataclass(frozen=True)
class Piece:
    """One file: hours of a venue and some coins from an instant on."""

    name: str
    venue: str
    coins: tuple[str, ...]
    first: datetime
    hours: int

    @property
    def is_ticks(self) -> bool:
        """Whether it is Tardis' file."""
        return self.name.endswith(".csv.gz")


def pieces(world: World, hours: int) -> list[Piece]:
    """The files that hold the first hours of a world: a day of ticks, the rest by venue, coin and month."""
    ticks = f"{TARDIS_VENUE}_options_chain_{world.start}_OPTIONS.csv.gz"
    coins = tuple(coin for venue, coin in _listed() if venue == TARDIS_VENUE)
    return [Piece(ticks, TARDIS_VENUE, coins, _start(world), _DAY_HOURS), *_vendor_pieces(world, hours)]


def _listed() -> list[tuple[str, str]]:
    """Venues and the coins they have options on."""
    return sorted({(book.venue, book.coin) for book in BOOKS})


def _start(world: World) -> datetime:
    return datetime.combine(world.start, time(tzinfo=UTC))


def _vendor_pieces(world: World, hours: int) -> Iterator[Piece]:
    begin, end = _start(world), _start(world) + timedelta(hours=hours)
    later = [datetime(at.year, at.month, 1, tzinfo=UTC) for at in _days(begin, end) if at.day == 1]
    for first, last in pairwise([begin, *(at for at in later if at > begin), end]):
        for venue, coin in _listed():
            yield Piece(f"{venue}/{coin}-{first:%Y-%m}.parquet", venue, (coin,), first, (last - first) // _HOUR)


def _days(begin: datetime, end: datetime) -> list[datetime]:
    return [begin + timedelta(days=i) for i in range((end - begin).days + 1) if begin + timedelta(days=i) < end]


def rows(world: World, piece: Piece) -> pl.DataFrame:
    """The rows of a file, in its words and units."""
    instants = recorded(world, piece)
    parts = [chains.chain(piece.venue, coin, world, instants) for coin in piece.coins]
    chain = pl.concat([part.cast({pl.Enum: pl.String}) for part in parts])
    return ticks(chain) if piece.is_ticks else vendor_rows(chain)


def recorded(world: World, piece: Piece) -> Ints:
    """The instants of a file: hours, some of which are lacking; ticks a moment before each of those that follow."""
    hours = chains.hours(piece.first, piece.hours)
    if piece.is_ticks:
        return hours + chains.HOUR_US - _BEFORE_US
    # the last tick serves the first hour of the next day
    is_told = (piece.venue == TARDIS_VENUE) & (hours <= world.start_us + DAY_US)
    return hours[(uniform(key(world.seed, piece.venue, "lacks"), hours) > _LACKING) & ~is_told]


def mapping(venue: str) -> str:
    """The mapping of the vendor's files of a venue."""
    text = mapping_path().read_text(encoding="utf-8")
    return text.replace(f'"{tomllib.loads(text)["venue"]}"', f'"{venue}"')


def mapping_path() -> Path:
    """The mapping of the vendor's files of Deribit."""
    return Path(str(files("gex_pipeline.market").joinpath("archive.toml")))


def vendor_rows(chain: pl.DataFrame) -> pl.DataFrame:
    """Rows of `chain` in the vendor's words and units: IV in percent, prices of inverse options in coin."""
    per = _per_usd(chain)
    return chain.select(
        ts="snapshot_at",
        name="instrument",
        underlying_price=pl.col("forward_usd").round(4),
        index=pl.col("index_usd").round(4),
        iv_pct=(100 * pl.col("mark_iv")).round(2),
        mark=(pl.col("mark_usd") * per).round(8),
        bid=(pl.col("bid_usd") * per).round(4),
        ask=(pl.col("ask_usd") * per).round(4),
        open_interest="open_interest_coin",
        volume="volume_24h_coin",
        contract_size="contract_size_coin",
    )


def _per_usd(chain: pl.DataFrame) -> pl.Series:
    """What turns USD per coin into the unit of each row's book."""
    is_inverse = (chain["settlement"] == "inverse").to_numpy()
    return pl.Series(per_usd(is_inverse, chain["forward_usd"].to_numpy()))


def ticks(chain: pl.DataFrame) -> pl.DataFrame:
    """Rows of `chain` in the 24 columns and units of Tardis' options_chain files of Deribit, by time.

    Amounts and greeks, which are not read, are empty; the index says that it is made up.
    """
    chain = chain.sort("snapshot_at", maintain_order=True)
    per, empty = _per_usd(chain), pl.lit(None, dtype=pl.Float64)
    at = pl.col("snapshot_at").dt.epoch("us")
    return chain.select(
        exchange=pl.lit("deribit"),
        symbol=pl.col("instrument").str.to_uppercase(),
        timestamp=at,
        local_timestamp=at,
        type=pl.when(pl.col("option_type") == "C").then(pl.lit("call")).otherwise(pl.lit("put")),
        strike_price="strike_usd",
        expiration=pl.col("expiry_at").dt.epoch("us"),
        open_interest=pl.col("open_interest_coin"),
        last_price=empty,
        bid_price=(pl.col("bid_usd") * per).round(4),
        bid_amount=empty,
        bid_iv=(100 * pl.col("bid_iv")).round(2),
        ask_price=(pl.col("ask_usd") * per).round(4),
        ask_amount=empty,
        ask_iv=(100 * pl.col("ask_iv")).round(2),
        mark_price=(pl.col("mark_usd") * per).round(8),
        mark_iv=(100 * pl.col("mark_iv")).round(2),
        underlying_index=pl.lit(SYNTHETIC.upper()),
        underlying_price="forward_usd",
        delta=empty,
        gamma=empty,
        vega=empty,
        theta=empty,
        rho=empty,
    )
