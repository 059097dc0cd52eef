"""What a venue states twice, compared: gamma with what it follows from, a contract with its name, names with the coin.

Belongs here: the comparison. Not here: which fields of a venue say what (normalize.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.instruments import Instrument, parse
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.schema.chain import CAP_IV, MINIMUM_IV
from gex_pipeline.venues.bodies import is_of
from gex_pipeline.venues.guards import Bounds, Finding, graded

#: Median relative difference of gammas where a row states all that its gamma is made of: printed digits and the age of
#: a quote make 0.5 % at most. An IV, strike, tenor or underlying in another unit makes 90 % and more.
OWN_ROW: Bounds = 0.1, 0.02
#: The same where the underlying is an index of another answer: one that has moved by 0.5 % makes 2 %, by 2 % 8 %.
OTHER_ANSWER: Bounds = 0.5, 0.1
_DIGITS = 3


class Row(Protocol):
    """A row of a venue's list."""

    @property
    def symbol(self) -> str:
        """The contract's name."""
        ...


class Gamma(NamedTuple):
    """A gamma per USD and coin, underlying in USD and volatility as a fraction, as sent; ``at``: when it was priced."""

    name: str
    at: datetime
    gamma: str
    underlying: str
    iv: str


def gamma(venue: str, shortest: timedelta, rows: Iterable[Gamma], bounds: Bounds) -> Sequence[Finding]:
    """Black-76 on the venue's own underlying against the gamma it prints.

    Contracts that end within ``shortest`` are passed over, and so are gammas of fewer than three digits.
    """
    inputs = [found for row in rows if (found := _inputs(venue, shortest, row)) is not None]
    printed = [numbers for digits, numbers in inputs if digits >= _DIGITS]
    if not printed:
        # a comparison that has stopped to happen has to be seen
        return [Finding("gamma", "warning", "no contract's gamma has the digits to be compared")] if inputs else []
    theirs, underlying, strike, tenor, iv = np.array(printed).T
    off = float(np.median(np.abs(black76.gamma(underlying, strike, tenor, iv) / theirs - 1.0)))
    found = graded("gamma", off, bounds, f"{off:.1%} beside Black-76 of the venue's own numbers")
    return [found] if found else []


def _inputs(venue: str, shortest: timedelta, row: Gamma) -> tuple[int, tuple[float, ...]] | None:
    """Digits of a gamma, and gamma, underlying, strike, tenor and volatility; None where nothing is to compare."""
    contract = parse(venue, row.name)
    if contract is None or contract.expiry_at - row.at <= shortest or not (row.gamma and row.underlying and row.iv):
        return None
    numbers = float(row.gamma), float(row.underlying), float(row.iv)
    if not (0 < numbers[0] < np.inf and 0 < numbers[1] < np.inf and MINIMUM_IV <= numbers[2] < CAP_IV):
        return None
    tenor = (contract.expiry_at - row.at).total_seconds() / SECONDS_PER_YEAR
    digits = len(row.gamma.lower().partition("e")[0].replace(".", "").lstrip("0"))
    return digits, (numbers[0], numbers[1], contract.strike_usd, tenor, numbers[2])


def contradictions(
    venue: str, rows: Iterable[Row], named: Callable[[Instrument], Mapping[str, str | int | float]]
) -> Sequence[Finding]:
    """The first contract whose fields say something else than its name: no strike or expiry of that list is sure.

    ``named``: attribute of a row -> what it is by the name; a float there is a number sent as text.
    """
    for row in rows:
        contract = parse(venue, row.symbol)
        for key, value in named(contract).items() if contract is not None else ():
            stated = getattr(row, key)
            if (float(stated) if isinstance(value, float) else stated) != value:
                text = f"{row.symbol}: {key} = {repr(stated)[:60]} contradicts the name: {value!r}"
                return [Finding("names", "error", text)]
    return []


def unexpired(venue: str, names: Iterable[str], at: datetime) -> frozenset[str]:
    """The names of contracts that have not expired."""
    return frozenset(n for n in names if (c := parse(venue, n)) is not None and c.expiry_at > at)


def strangers(venue: str, coin: str, names: Iterable[str], label: str) -> Sequence[Finding]:
    """Rows of an answer about one coin that are not of it.

    An error where one is another coin's contract, as the venue has then not answered the question; a name that nobody
    can read is only a warning, as what stands beside it is not wrong for it.
    """
    odd = [name for name in names if not is_of(coin, name)]
    if not odd:
        return []
    is_contract = any(parse(venue, name) is not None for name in odd)
    text = f"{label}: {len(odd)} rows are not of {coin}, first: {odd[0][:60]!r}"
    return [Finding("coin", "error" if is_contract else "warning", text)]
