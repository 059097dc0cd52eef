"""What OKX says twice, compared: open interest in contracts and in coins, names and fields, gamma and its inputs.

Belongs here: checks on OKX's own fields. Not here: those of every venue (venues/guards.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from gex_pipeline.core import black76
from gex_pipeline.core.instruments import Instrument, parse
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.schema.chain import CAP_IV, MINIMUM_IV
from gex_pipeline.venues.guards import Finding

#: oi x ctVal x ctMult = oiCcy is an identity; what is left is the rounding of floats.
_SAME = 1e-6
#: As in guards.py, for each of the answers by itself: a joined row is there though half of it is missing. The venue
#: lists contracts some minutes before it prices them, some dozens of hundreds at the start of a day.
_MISSING_ERROR, _MISSING_WARNING = 0.2, 0.01
#: Seconds that an answer may lie before and after our clock, as in guards.py.
_AGE_ERROR, _AGE_WARNING = 600.0, 120.0
_AHEAD_ERROR, _AHEAD_WARNING = 120.0, 5.0
_DATED = ("quotes", "marks", "open interest")
#: Median relative difference of gammas. Some percent are the way from index to forward and the age of the index;
#: percent for a fraction, or the index of another coin, make 90 % and more.
_GAMMA_ERROR, _GAMMA_WARNING = 0.5, 0.1
_DIGITS = 3
#: In the last half hour (before March 2026 the last hour) the index is averaged.
_SHORTEST = 3_600 / SECONDS_PER_YEAR


def number(name: str) -> pl.Expr:
    """A text column as Float64; null for no text."""
    return pl.col(name).cast(pl.Float64, strict=False)


def findings(
    tables: Mapping[str, pl.DataFrame],
    index: pl.DataFrame,
    frame: pl.DataFrame,
    families: Sequence[str],
    snapshot_at: datetime,
) -> list[Finding]:
    """All findings on a coin's rows; ``tables``: what each answer has of the coin, ``frame``: the same, joined."""
    live = unexpired(tables["instruments"]["instId"], snapshot_at)
    sent = unexpired(frame["instId"], snapshot_at)
    found = [
        _contradictions(tables["instruments"]),
        _open_interest(frame),
        _share("instruments", "contracts are not listed", sent - live, sent, 0.0),
        *(_missing(what, table, live) for what, table in tables.items()),
        _age("index", index),
        *(_age(f"{what} of {f}", _of(f, tables[what])) for what in _DATED for f in families),
        *(_gammas(_of(f, frame), f) for f in families),
    ]
    return [finding for finding in found if finding is not None]


def _of(family: str, table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("instId").str.starts_with(f"{family}-"))


def unexpired(names: Iterable[str], snapshot_at: datetime) -> frozenset[str]:
    """The names of contracts that have not expired."""
    return frozenset(n for n in names if (c := parse("okx", n)) is not None and c.expiry_at > snapshot_at)


def _contradictions(listed: pl.DataFrame) -> Finding | None:
    """Fields of a contract against its name, and its size: an error, as strike, expiry or multiplier is not sure."""
    odd = [text for row in listed.iter_rows(named=True) if (text := _contradiction(row)) is not None]
    if not odd:
        return None
    return Finding("instruments", "error", f"{odd[0]} ({len(odd)} of {listed.height} contracts)")


#: Field of a contract -> whether what it says fits the name.
_SAYS: Mapping[str, Callable[[str, Instrument], bool]] = {
    "ctVal": lambda sent, _: 0 < _float(sent) < np.inf,
    "ctMult": lambda sent, _: 0 < _float(sent) < np.inf,
    "ctValCcy": lambda sent, named: sent == named.underlying,
    # USD-margined families settle in USD and coins that stand for it
    "settleCcy": lambda sent, named: sent != "" and (sent == named.underlying) == (named.settlement == "inverse"),
    "stk": lambda sent, named: _float(sent) == named.strike_usd,
    "expTime": lambda sent, named: _float(sent) == named.expiry_at.timestamp() * 1000,
    "optType": lambda sent, named: sent == named.option_type,
}


def _contradiction(row: Mapping[str, str]) -> str | None:
    contract = parse("okx", row["instId"])
    if contract is None:
        return None
    odd = next((key for key, fits in _SAYS.items() if not fits(row[key], contract)), None)
    return None if odd is None else f"{odd} = {row[odd]!r} does not fit {row['instId']}"


def _float(sent: str) -> float:
    return float(sent) if sent else np.nan


def _open_interest(frame: pl.DataFrame) -> Finding | None:
    """Contracts x size against coins: an error, as every exposure would be wrong by that factor."""
    contracts, coins = number("oi"), number("oiCcy")
    expected = contracts * pl.col("contract_size")
    is_same = ((expected - coins).abs() <= _SAME * expected.abs()).fill_null(False)
    is_stated = pl.col("contract_size").is_not_null() & (contracts.is_not_null() | coins.is_not_null())
    odd = frame.filter(is_stated & ~is_same)
    if odd.is_empty():
        return None
    row = odd.row(0, named=True)
    text = f"oi = {row['oi']!r} x {row['contract_size']:g} of {row['instId']} is not oiCcy = {row['oiCcy']!r}"
    return Finding("open_interest_unit", "error", f"{text} ({odd.height} of {frame.height} contracts)")


def _missing(what: str, table: pl.DataFrame, live: frozenset[str]) -> Finding | None:
    return _share(what, "listed contracts are missing", live - set(table["instId"]), live, _MISSING_WARNING)


def _share(what: str, text: str, odd: frozenset[str], of: frozenset[str], warning: float) -> Finding | None:
    """A finding where the share of some names is above a bound: half a chain is not a quiet market."""
    share = len(odd) / max(len(of), 1)
    if not share > warning:
        return None
    severity = "error" if share > _MISSING_ERROR else "warning"
    return Finding("completeness", severity, f"{what}: {len(odd)} of {len(of)} {text}, first: {min(odd)}")


def _age(what: str, table: pl.DataFrame) -> Finding | None:
    """The newest row of an answer against its receipt by our clock: an answer of another hour is an error.

    The newest, as nothing says whether a row without news is stamped again. Volatilities are venue time, and that of
    every row is looked at with the other venues'.
    """
    seconds = (table["received"] / 1e6 - table["ts"].cast(pl.Int64, strict=False) / 1e3).min()
    if not isinstance(seconds, float) or -_AHEAD_WARNING <= seconds <= _AGE_WARNING:
        return None
    is_far = not -_AHEAD_ERROR <= seconds <= _AGE_ERROR
    text = f"{what}: {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} our clock"
    return Finding("stale" if seconds > 0 else "future", "error" if is_far else "warning", text)


_GAMMA_INPUTS = (
    number("idxPx"),
    number("stk"),
    ((number("expTime") - number("ts")) / (1000 * SECONDS_PER_YEAR)).alias("tenor"),
    number("markVol"),
    number("gammaBS"),
    pl.col("gammaBS")
    .str.replace(r"[eE].*", "")
    .str.replace(".", "", literal=True)
    .str.strip_chars_start("0")
    .alias("digits"),
)
_IS_COMPARABLE = (
    (pl.col("idxPx") > 0)
    & (pl.col("stk") > 0)
    & (pl.col("tenor") > _SHORTEST)
    & (pl.col("markVol") >= MINIMUM_IV)
    & (pl.col("markVol") < CAP_IV)
    & (pl.col("gammaBS") > 0)
    & (pl.col("digits").str.len_chars() >= _DIGITS)
)


def _gammas(frame: pl.DataFrame, family: str) -> Finding | None:
    """Black-76 on the index, as OKX's ``gammaBS`` is, against it.

    An error where index, volatility, strike or time must be in another unit. A warning at most for a USD-margined
    family, as nothing published says which gamma is in the field there; exposure never uses either.
    """
    rows = frame.select(_GAMMA_INPUTS).filter(_IS_COMPARABLE)
    if rows.is_empty():
        return None
    index, strike, tenor, iv, theirs = (rows[name].to_numpy() for name in rows.columns[:5])
    off = float(np.median(np.abs(black76.gamma(index, strike, tenor, iv) / theirs - 1.0)))
    if not off > _GAMMA_WARNING:
        return None
    severity = "error" if off > _GAMMA_ERROR and not family.endswith("_UM") else "warning"
    return Finding("gamma", severity, f"{family}: gammaBS lies {off:.0%} beside Black-76 on the index")
