"""The rule on regimes beside histories whose volatility and returns follow a law that the test has planted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, chain, repeat

import numpy as np
import polars as pl
import pytest

from gex_backtest.decisions import LINES
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules.regime import Parameters, headline, orders, study
from tests.unit.backtest.hand_made import estimate
from tests.unit.backtest.seen import at_close, every, history, prices

YEAR = math.sqrt(24 * 365)
UNKNOWN = math.nan
#: Every four hours: the move up to the decision, the sign of the regime there, and what is wanted then.
TOLD = [
    (1, 1, -1),  # positive: a rise is faded
    (-1, 1, 1),
    (1, -1, 1),  # negative: it is followed
    (-1, -1, -1),
    (0, -1, 0),
    (1, UNKNOWN, 0),
    (1, 0, 0),
    (-1, 1, 1),
]
#: The last hour of a move goes the other way.
SHAPE = (0.02, 0.02, 0.02, -0.01)


def told(line: str) -> History:
    """What ``TOLD`` says, with the other regime at every other decision and by every other line."""
    moved, regime, _ = zip(*TOLD, strict=True)
    signs = [
        sign * (1 if row % 4 == 3 else -1) for row, sign in enumerate(chain(*(repeat(each, 4) for each in regime)))
    ]
    steps = [move * step for move in moved for step in SHAPE]
    columns = {each: by_line(each, signs if each == line else [-sign for sign in signs], steps) for each in LINES}
    return history(steps, {name.replace("net_gex", "net_gex_usd"): column for name, column in columns.items()})


def by_line(line: str, signs: list[float], steps: list[float]) -> list[float]:
    """Net GEX of those signs, or levels that the closes are above (1), below (-1) or at (0)."""
    if line == "net_gex":
        return [2e6 * sign for sign in signs]
    return [price * (1.0 - 0.01 * sign) for price, sign in zip(prices(steps)[1:], signs, strict=True)]


@pytest.mark.parametrize("line", LINES)
def test_moves_are_faded_in_positive_gamma_and_followed_in_negative(line: str) -> None:
    made = orders(Panel(told(line)), Parameters(line=line))
    expected = every([wanted for _, _, wanted in TOLD], 4, UNKNOWN)
    np.testing.assert_array_equal(made.targets, expected)
    assert made.stops is None and made.takes is None


SLOPES = {1.0: -0.5, -1.0: 0.8}


def reverting() -> tuple[History, list[float], list[float]]:
    """80 moves of four hours, each of which follows from the regime and the last one; these, and the regimes."""
    states = np.where(np.random.default_rng(5).random(80) < 0.5, 1.0, -1.0).tolist()
    moves = list(accumulate(states[:-1], lambda last, state: 0.004 + SLOPES[state] * last, initial=0.01))
    return history([move / 4 for move in moves for _ in range(4)], lines(every(states, 4, 0.0))), moves, states


def lines(net: Sequence[float]) -> dict[str, Sequence[float]]:
    """Net GEX, beside lines that are not known."""
    return {"net_gex_usd": net, **dict.fromkeys(LINES[1:], [UNKNOWN] * len(net))}


def test_autocorrelation_is_that_of_its_own_regime() -> None:
    found = study(Panel(reverting()[0]), Parameters())
    for kind, state in (("positive", 1.0), ("negative", -1.0)):
        slope = estimate(found, "return_autocorrelation", f"net_gex, {kind}")
        assert slope.value == pytest.approx(SLOPES[state]) and slope.n > 30


def test_volatility_that_follows_is_told_by_regime() -> None:
    """Four steps of an hour are as large as each other: their size, annual, is the volatility of the hours after."""
    made, moves, states = reverting()
    found = study(Panel(made), Parameters())
    after = [abs(move) / 4 * YEAR for move in moves[1:]]
    rows = found.events.filter(pl.col("subject") == "net_gex")
    names = {1.0: "positive", -1.0: "negative"}
    assert rows["kind"].to_list() == [names[state] for state in states]
    assert rows["value"].to_list() == [*(pytest.approx(vol) for vol in after), None]
    assert rows["decided_at"].to_list() == [at_close(4 * number + 3) for number in range(80)]
    assert (rows["ends_at"] - rows["decided_at"]).drop_nulls().unique().to_list() == [timedelta(hours=4)]
    calm, wild = ([vol for vol, state in zip(after, states, strict=False) if state == which] for which in names)
    difference = estimate(found, "vol_positive_minus_negative", "net_gex")
    assert difference.value == pytest.approx(float(np.mean(calm) - np.mean(wild)))
    assert difference.n == min(len(calm), len(wild))


# ---------------------------------------------------------------- beyond what is known without the regime

#: What a positive regime adds to the logarithm of volatility; of trailing days, and IV; of the weekend.
EFFECT, OF_DAYS, OF_IV, OF_WEEKEND = -0.3, {1: 0.3, 7: 0.2, 30: 0.15}, 0.2, 0.25


def obedient(days: int, line: str) -> History:
    """Sizes of the steps in each four hours are what the law says: regime, trailing volatility, IV and calendar."""
    random = np.random.default_rng(11)
    states = np.where(random.random(6 * days) < 0.4, 1.0, -1.0).tolist()
    iv = random.uniform(0.4, 0.8, 6 * days).tolist()
    sizes = [0.01] * 4
    for number, (state, implied) in enumerate(zip(states[:-1], iv, strict=False)):
        sizes += [math.exp(law(4 * number + 3, state, implied, sizes))] * 4
    steps = [size * (1 if row % 2 else -1) for row, size in enumerate(sizes)]
    columns = lines([UNKNOWN] * len(steps))
    columns["net_gex_usd" if line == "net_gex" else line] = by_line(line, every(states, 4, 0.0), steps)
    return history(steps, columns, {"iv30": every(iv, 4, 0.1)})


def law(row: int, state: float, iv: float, sizes: list[float]) -> float:
    """Logarithm of the size of steps after a decision."""
    at = at_close(row)
    trailing = (
        of * math.log(math.hypot(*sizes[-24 * days :]) / math.sqrt(min(24 * days, len(sizes))))
        for days, of in OF_DAYS.items()
    )
    calendar = OF_WEEKEND * (at.weekday() >= 5) + 0.1 * math.sin(at.hour)
    return sum(trailing) + EFFECT * (state > 0) + OF_IV * math.log(iv) + calendar - 1.5


@pytest.mark.parametrize("line", LINES)
def test_a_regime_adds_to_volatility_what_was_planted_beside_all_that_is_known(line: str) -> None:
    """Exactly: were one of the controls another than those of the law, the rest would not be the regime's own."""
    found = headline(Panel(obedient(60, line)), Parameters(line=line))
    assert (found.group, found.status) == (line, "ok")
    assert found.value == pytest.approx(EFFECT, abs=1e-7)
