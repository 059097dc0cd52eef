"""What OKX says twice, compared: open interest in contracts and in coins, names and fields, gamma and its inputs.

Belongs here: checks on OKX's own fields. Not here: those of every venue (venues/guards.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from gex_pipeline.core.instruments import Instrument, parse
from gex_pipeline.venues.feeds import instant
from gex_pipeline.venues.guards import FUTURE, MISSING, STALE, Bounds, Finding, graded
from gex_pipeline.venues.stated import OTHER_ANSWER, Gamma, gamma

#: oi x ctVal x ctMult = oiCcy is an identity; what is left is the rounding of floats.
_SAME = 1e-6
_DATED = ("quotes", "marks", "open interest")
#: In the last half hour (before March 2026 the last hour) the index is averaged.
_SHORTEST = timedelta(hours=1)
#: Of a USD-margined family nothing published says which gamma is in the field: a warning at most; no number uses it.
_GAMMA: Mapping[bool, Bounds] = {False: OTHER_ANSWER, True: (np.inf, OTHER_ANSWER[1])}


def number(name: str) -> pl.Expr:
    """A text column as Float64; null for no text."""
    return pl.col(name).cast(pl.Float64, strict=False)


def findings(
    tables: Mapping[str, pl.DataFrame],
    index: pl.DataFrame,
    frame: pl.DataFrame,
    families: Sequence[str],
    live: frozenset[str],
    sent: frozenset[str],
) -> list[Finding]:
    """All findings on a coin's rows.

    ``tables``: what each answer has of the coin; ``frame``: the same, joined; ``live`` and ``sent``: contracts that
    have not expired, in the list and in any answer.
    """
    found = [
        _contradictions(tables["instruments"]),
        _open_interest(frame),
        _share("instruments", "contracts are not listed", sent - live, sent, (MISSING[0], 0.0)),
        *(_missing(what, table, live) for what, table in tables.items()),
        _age("index", index),
        *(_age(f"{what} of {f}", _of(f, tables[what])) for what in _DATED for f in families),
        *(finding for f in families for finding in _gammas(_of(f, frame), f)),
    ]
    return [finding for finding in found if finding is not None]


def _of(family: str, table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("instId").str.starts_with(f"{family}-"))


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
    return None if odd is None else f"{odd} = {row[odd][:60]!r} does not fit {row['instId']}"


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
    """Of each answer by itself, as a joined row is there though half of it is missing.

    The venue lists contracts some minutes before it prices them, some dozens of hundreds at the start of a day.
    """
    return _share(what, "listed contracts are missing", live - set(table["instId"]), live, MISSING)


def _share(what: str, text: str, odd: frozenset[str], of: frozenset[str], bounds: Bounds) -> Finding | None:
    """A finding where the share of some names is above a bound: half a chain is not a quiet market."""
    first = min(odd, default="")
    text = f"{what}: {len(odd)} of {len(of)} {text}, first: {first}"
    return graded("completeness", len(odd) / max(len(of), 1), bounds, text)


def _age(what: str, table: pl.DataFrame) -> Finding | None:
    """The newest row of an answer against its receipt by our clock: an answer of another hour is an error.

    The newest, as nothing says whether a row without news is stamped again. Volatilities are venue time, and that of
    every row is looked at with the other venues'.
    """
    late = (table["received"] / 1e6 - table["ts"].cast(pl.Int64, strict=False) / 1e3).min()
    if not isinstance(late, float):
        return None
    return graded("stale", late, STALE, f"{what}: {late:.0f} s behind our clock") or graded(
        "future", -late, FUTURE, f"{what}: {-late:.0f} s ahead of our clock"
    )


def _gammas(frame: pl.DataFrame, family: str) -> Iterable[Finding]:
    """Black-76 on the index, as OKX's ``gammaBS`` is, against it."""
    cells = frame.filter(pl.col("ts").str.len_chars() > 0).select("instId", "ts", "gammaBS", "idxPx", "markVol").rows()
    rows = (Gamma(name, instant(int(ms)), *numbers) for name, ms, *numbers in cells)
    for finding in gamma("okx", _SHORTEST, rows, _GAMMA[family.endswith("_UM")]):
        yield replace(finding, text=f"{family}: {finding.text}")
