"""The same claims, tested as they usually are: what calibration shows beside each headline, as a warning. Pure.

Neighbours that share most of their outcome count as independent, nothing is controlled for, no level is a placebo, and
a strike is chosen when the settlement is nearly there. Plain t-tests (Student's and Welch's), so that all that differs
from the rules is the care. Nothing here is a rule, and nothing else may use it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from gex_backtest import pins
from gex_backtest.bars import HOUR_US, Ints
from gex_backtest.decisions import Decisions, every, positive, regime
from gex_backtest.panel import SCOPES, Panel, micros
from gex_backtest.returns import move
from gex_pipeline.core.black76 import Bools, Floats

#: Fewer observations than this are not tested even here.
_LEAST = 20
_WALLS = {"call_resistance": 1.0, "put_support": -1.0}


def _regime(panel: Panel) -> float | None:
    """Volatility of the next day at every hour, by the sign of net GEX."""
    made = every(panel, 1)
    return _welch(made.following(24), regime(panel, "net_gex")[made.rows])


def _regime_cross(panel: Panel) -> float | None:
    """Volatility of the four hours after every bar that crosses zero gamma, beside all other bars."""
    state = regime(panel, "zero_gamma")
    has_crossed = np.append(False, state[1:] * state[:-1] < 0)
    made = Decisions(panel, np.flatnonzero(np.isfinite(state)))
    return _welch(np.log(positive(made.following(4))), np.where(has_crossed[made.rows], 1.0, -1.0))


def _wall_bounce(panel: Panel) -> float | None:
    """Move away from a wall in the four hours after every bar that touches it as it stands."""
    moves = [-side * _next(panel, rows, 4) for side, rows in _touching(panel, "all_expiry")]
    return _student(np.concatenate(moves))


def _odte_vs_all(panel: Panel) -> float | None:
    """The same of walls of 0DTE, beside those of all expiries."""
    scopes = {scope: [-s * _next(panel, rows, 4) for s, rows in _touching(panel, scope)] for scope in SCOPES}
    odte, every_expiry = (np.concatenate(scopes[scope]) for scope in ("odte", "all_expiry"))
    return _welch(np.append(odte, every_expiry), np.append(np.ones(len(odte)), -np.ones(len(every_expiry))))


def _opex_pin(panel: Panel) -> float | None:
    """How much nearer price comes in the last day to the strike with the most gamma an hour before it settles."""
    known = pins.decisions(panel, (1,), 7)
    strike, settled = pins.strongest(known)[:, 0], known["price_usd"].cast(float).fill_null(np.nan).to_numpy()
    before = pins.closes(panel.bars, micros(known["expiry_at"]) - 24 * HOUR_US)
    return _student(np.abs(np.log(before / strike)) - np.abs(np.log(settled / strike)))


def _squeeze(panel: Panel) -> float | None:
    """Return of the four hours after every hour of negative gamma, heavy calls and a rise."""
    made = every(panel, 1)
    heavy = panel.book("call_near_share")[made.rows] >= 0.25
    chosen = (regime(panel, "net_gex")[made.rows] < 0) & heavy & (made.moved(4) > 0)
    return _student(_next(panel, made.rows[chosen], 4))


def _put_acceleration(panel: Panel) -> float | None:
    """Fall of the four hours after every hour of negative gamma, more puts than calls, and a fall."""
    made = every(panel, 1)
    puts, calls = (panel.book(f"{side}_volume_coin")[made.rows] for side in ("put", "call"))
    chosen = (regime(panel, "net_gex")[made.rows] < 0) & (puts > calls) & (made.moved(4) < 0)
    return _student(-_next(panel, made.rows[chosen], 4))


def _vol_premium(panel: Panel) -> float | None:
    """IV less the volatility of the 30 days after, every day, as though each were news."""
    made = every(panel, 24)
    return _student(made.iv() - made.following(24 * 30))


#: Rule -> the p-value of its careless test on a history, two-sided; None where there is too little.
CARELESS: dict[str, Callable[[Panel], float | None]] = {
    "odte_vs_all": _odte_vs_all,
    "opex_pin": _opex_pin,
    "put_acceleration": _put_acceleration,
    "regime": _regime,
    "regime_cross": _regime_cross,
    "squeeze": _squeeze,
    "vol_premium": _vol_premium,
    "wall_bounce": _wall_bounce,
}


def _touching(panel: Panel, scope: str) -> list[tuple[float, Ints]]:
    """Side and bars of each wall that price reaches."""
    bars, found = panel.bars, []
    for name, side in _WALLS.items():
        wall = panel.level(name, scope)
        found.append((side, np.flatnonzero((bars.low <= wall) & (wall <= bars.high))))
    return found


def _next(panel: Panel, rows: Ints, hours: int) -> Floats:
    """Log-return of the hours after some bars."""
    at = panel.bars.close_at[rows]
    return move(panel.bars, at, at + hours * HOUR_US)


def _student(values: Floats) -> float | None:
    """That the mean is 0."""
    kept = values[np.isfinite(values)]
    if len(kept) < _LEAST or np.ptp(kept) == 0:
        return None
    return float(stats.ttest_1samp(kept, 0.0).pvalue)


def _welch(values: Floats, state: Floats) -> float | None:
    """That the means where the state is above and below 0 are alike."""
    groups = [_finite(values, state > 0), _finite(values, state < 0)]
    if min(len(group) for group in groups) < _LEAST or np.ptp(np.concatenate(groups)) == 0:
        return None
    return float(stats.ttest_ind(*groups, equal_var=False).pvalue)


def _finite(values: Floats, chosen: Bools) -> Floats:
    return values[chosen & np.isfinite(values)]
