"""Synthetic option chains: a random spot, a smile, open interest that gathers at round strikes.

Belongs here: plausible rows of table `chain`, fast. Not here: dealers, feedback, trades (there is no known truth in
these chains; they exist to run and to measure the warehouse).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.market import SOURCE
from gex_pipeline.market.ladder import VENUES, Ladder, ladder
from gex_pipeline.market.shocks import generator
from gex_pipeline.schema.chain import FORWARD_SOURCES, INDEX_SOURCES, OPTION_TYPES, SETTLEMENTS

#: Spot at the start and annual volatility of each synthetic coin; open interest in coins scales with 1 / spot.
COINS = {"BTC": (90_000.0, 0.45), "ETH": (3_000.0, 0.65), "SOL": (140.0, 0.80), "HYPE": (35.0, 0.95)}
_CARRY = 0.05  # forward = spot exp(carry x tenor)
_BOOK_USD = 2.0e6  # open interest of a typical contract at a venue with share 1, in USD
_EIGHT = timedelta(hours=8)


@dataclass(frozen=True)
class Path:
    """Instants (microseconds since 1970, ascending) and spot of one coin."""

    instants_us: np.ndarray
    spot: Floats


def spot_path(underlying: str, start: datetime, steps: int, every: timedelta, seed: int) -> Path:
    """Geometric Brownian motion pulled back to its start, so that a long path keeps a plausible price."""
    spot, vol = COINS[underlying]
    shocks = generator(seed, underlying, "spot").standard_normal(steps)
    step = vol * np.sqrt(every.total_seconds() / SECONDS_PER_YEAR)
    pull = np.exp(-every.total_seconds() / (0.25 * SECONDS_PER_YEAR))
    x = np.empty(steps)
    level = 0.0
    for i, shock in enumerate(shocks * step):
        level = pull * level + shock
        x[i] = level
    first = int(start.timestamp() * 1e6)
    return Path(first + np.arange(steps) * int(every.total_seconds() * 1e6), spot * np.exp(x))


def chain(venue: str, underlying: str, path: Path, seed: int) -> pl.DataFrame:
    """Rows of table `chain` of one venue and coin at every instant of a path, in the order of the file."""
    parts = [_segment(venue, underlying, day, part, seed) for day, part in _segments(path)]
    names = sorted({name for listed, _, _ in parts for name in listed.names})
    code = {name: i for i, name in enumerate(names)}
    columns = [
        {**columns, "instrument": np.tile(np.array([code[n] for n in listed.names], dtype=np.uint32), repeats)}
        for listed, columns, repeats in parts
    ]
    arrays = {key: np.concatenate([c[key] for c in columns]) for key in columns[0]}
    return _frame(venue, underlying, arrays, names)


def _segments(path: Path) -> Iterator[tuple[date, Path]]:
    """Cut a path at 08:00 UTC, where contracts expire and are listed; each part with its listing day."""
    day_us, shift_us = 86_400_000_000, int(_EIGHT.total_seconds() * 1e6)
    listing = (path.instants_us - shift_us) // day_us
    for value in np.unique(listing):
        rows = listing == value
        yield date(1970, 1, 1) + timedelta(days=int(value)), Path(path.instants_us[rows], path.spot[rows])


def _segment(
    venue: str, underlying: str, day: date, path: Path, seed: int
) -> tuple[Ladder, dict[str, np.ndarray], int]:
    """All columns of one listing day: instants x contracts, flattened."""
    listed = ladder(venue, underlying, day, float(path.spot[0]))
    n = len(path.spot)
    f, k, t, iv = _prices(venue, underlying, path, listed, seed)
    is_call = np.broadcast_to(listed.is_call, f.shape)
    mark = black76.price(f, np.broadcast_to(k, f.shape), t, iv, is_call)
    columns = {
        "snapshot_at": np.repeat(path.instants_us, len(k)),
        "expiry_at": np.tile(listed.expiry_us, n),
        "strike_usd": np.tile(k, n),
        "option_type": np.tile(np.where(listed.is_call, 0, 1).astype(np.uint32), n),
        "open_interest_coin": _open_interest(venue, underlying, path, listed, day, seed).reshape(-1),
        "mark_iv": iv.reshape(-1),
        "forward_usd": f.reshape(-1),
        "index_usd": np.repeat(path.spot, len(k)),
        "mark_usd": mark.reshape(-1),
        "tenor_years": t.reshape(-1),
    }
    return listed, columns, n


def _prices(
    venue: str, underlying: str, path: Path, listed: Ladder, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Forward, strike, tenor and implied volatility; all but the strike of shape (instants, contracts)."""
    t = (listed.expiry_us - path.instants_us[:, None]) / 1e6 / SECONDS_PER_YEAR
    f = path.spot[:, None] * np.exp(_CARRY * t)
    level = COINS[underlying][1]
    x = np.log(listed.strike / f) / np.sqrt(t + 0.02)
    smile = level * (1.0 - 0.10 * x + 0.25 * np.minimum(x * x, 4.0))
    rng = generator(seed, underlying, venue, str(path.instants_us[0]))
    drift = np.cumsum(rng.normal(0, 0.004, len(path.spot)))[:, None]
    noise = rng.normal(0, 0.002, f.shape)
    return f, listed.strike, t, np.clip(smile + drift + noise, 0.05, 4.5)


def _open_interest(venue: str, underlying: str, path: Path, listed: Ladder, day: date, seed: int) -> Floats:
    """Coins: random per contract, larger near spot, out of the money and at round strikes; a fifth have none."""
    unit = _uniform(listed.contract, seed)
    size = np.exp(2.0 * (unit - 0.5)) * (unit > 0.2)
    distance = np.log(listed.strike / path.spot[0])
    size *= 1.0 / (1.0 + np.exp(np.where(listed.is_call, -1.0, 1.0) * distance / 0.05))
    hump = np.exp(-np.abs(distance) / 0.15)
    round_strike = np.where(listed.strike % (10 * np.diff(np.unique(listed.strike)).min()) == 0, 4.0, 1.0)
    base = _BOOK_USD / COINS[underlying][0] * VENUES[venue].oi_share * size * hump * round_strike
    rng = generator(seed, underlying, venue, f"oi {day}")
    flow = 1.0 + 0.02 * rng.standard_normal((len(path.spot), len(base)))
    return np.round(np.maximum(base * flow, 0.0), 1)


def _uniform(number: np.ndarray, seed: int) -> Floats:
    """A number in [0, 1) per contract that stays with it: the finaliser of splitmix64 (doi:10.1145/2714064.2660195)."""
    z = number.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15 * (seed + 1) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).astype(np.float64) / 2.0**64


def _frame(venue: str, underlying: str, arrays: dict[str, np.ndarray], names: list[str]) -> pl.DataFrame:
    n = len(arrays["strike_usd"])
    instants = {k: pl.Series(arrays[k]).cast(pl.Datetime("us", "UTC")) for k in ("snapshot_at", "expiry_at")}
    spread = 0.01 * arrays["mark_usd"] + 0.0001 * arrays["index_usd"]
    bid = arrays["mark_usd"] - spread
    is_inverse = venue == "deribit" and underlying in ("BTC", "ETH")
    return pl.DataFrame(
        {
            **instants,
            "venue_time": instants["snapshot_at"],
            "knowledge_time": instants["snapshot_at"],
            "underlying": _constant(underlying, n),
            "venue": _constant(venue, n),
            "instrument": _enum(arrays["instrument"], names),
            "strike_usd": arrays["strike_usd"],
            "option_type": _enum(arrays["option_type"], OPTION_TYPES),
            "open_interest_coin": arrays["open_interest_coin"],
            "contract_size_coin": np.ones(n),
            "mark_iv": arrays["mark_iv"],
            "bid_iv": arrays["mark_iv"] * 0.99,
            "ask_iv": arrays["mark_iv"] * 1.01,
            "forward_usd": arrays["forward_usd"],
            "forward_source": _constant("venue", n, FORWARD_SOURCES),
            "index_usd": arrays["index_usd"],
            "index_source": _constant("venue", n, INDEX_SOURCES),
            "mark_usd": arrays["mark_usd"],
            "bid_usd": pl.Series(np.where(bid > 0, bid, np.nan)).fill_nan(None),
            "ask_usd": arrays["mark_usd"] + spread,
            "settlement": _constant("inverse" if is_inverse else "linear", n, SETTLEMENTS),
            "tenor_years": arrays["tenor_years"],
            "volume_24h_coin": np.round(0.05 * arrays["open_interest_coin"], 1),
            "source": _constant(SOURCE, n),
        }
    )


def _enum(codes: np.ndarray, names: list[str] | tuple[str, ...]) -> pl.Series:
    return pl.Series(codes.astype(np.uint32)).cat.to(pl.Enum(names))


def _constant(value: str, n: int, names: tuple[str, ...] | None = None) -> pl.Series:
    names = names or (value,)
    return _enum(np.full(n, names.index(value), dtype=np.uint32), names)


def utc(text: str) -> datetime:
    """A date or instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
