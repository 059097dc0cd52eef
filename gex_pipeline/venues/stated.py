"""What a venue states twice, compared: gamma with what it follows from, a contract with its name, names with the coin.

Belongs here: the comparison. Not here: which fields of a venue say what (normalize.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.instruments import Instrument, parse
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.schema.chain import CAP_IV, MINIMUM_IV
from gex_pipeline.venues.bodies import is_of
from gex_pipeline.venues.guards import Finding, graded

#: Median relative difference of gammas. Printed digits and the age of a quote make 0.5 % at most; an IV, strike, tenor
#: or underlying in another unit makes 90 % and more, and then exposure would be as wrong: an error.
_GAMMA_ERROR, _GAMMA_WARNING = 0.1, 0.02
_DIGITS = 3


class Row(Protocol):
    """A row of a venue's list."""

    @property
    def symbol(self) -> str:
        """The contract's name."""
        ...


def gamma(
    venue: str, at: datetime, shortest: timedelta, rows: Iterable[tuple[str, str, str, str]]
) -> Sequence[Finding]:
    """Black-76 on the venue's own underlying against the gamma it prints, both per USD and coin.

    ``rows``: name, gamma, underlying in USD and volatility as a fraction, as text. ``at``: when the venue priced them;
    contracts that end within ``shortest`` are passed over, and so are gammas of fewer than three digits.
    """
    inputs = [found for row in rows if (found := _inputs(venue, at, shortest, *row)) is not None]
    printed = [numbers for digits, numbers in inputs if digits >= _DIGITS]
    if not printed:
        # a comparison that has stopped to happen has to be seen
        return [Finding("gamma", "warning", "no contract's gamma has the digits to be compared")] if inputs else []
    theirs, underlying, strike, tenor, iv = np.array(printed).T
    off = float(np.median(np.abs(black76.gamma(underlying, strike, tenor, iv) / theirs - 1.0)))
    found = graded("gamma", off, _GAMMA_ERROR, _GAMMA_WARNING, f"{off:.1%} beside Black-76 of the venue's own numbers")
    return [found] if found else []


def _inputs(
    venue: str, at: datetime, shortest: timedelta, name: str, gamma: str, underlying: str, iv: str
) -> tuple[int, tuple[float, ...]] | None:
    """Digits of a gamma, and gamma, underlying, strike, tenor and volatility; None where nothing is to compare."""
    contract = parse(venue, name)
    if contract is None or contract.expiry_at - at <= shortest or not (gamma and underlying and iv):
        return None
    numbers = float(gamma), float(underlying), float(iv)
    if not (0 < numbers[0] < np.inf and 0 < numbers[1] < np.inf and MINIMUM_IV <= numbers[2] < CAP_IV):
        return None
    tenor = (contract.expiry_at - at).total_seconds() / SECONDS_PER_YEAR
    digits = len(gamma.lower().partition("e")[0].replace(".", "").lstrip("0"))
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
                text = f"{row.symbol}: {key} = {stated!r} contradicts the name: {value!r}"
                return [Finding("names", "error", text)]
    return []


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
