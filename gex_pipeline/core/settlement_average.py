"""Options that settle on an average of the last minutes: each venue's window, and their gamma.

Belongs here: closed formulas of one contract and the venues' windows. Not: when the figure is shown (the SQL view
`exposure`), signs or sums.

The payoff is on the average A of the forward F over the window [T - L, T]. F is a driftless lognormal and A is treated
as lognormal with matched variance: of ln A, s^2 (t - 2L/3) before the window and s^2 t/3 inside it, which meet at t = L
(the variance of the time average of a Brownian motion, t/3: A. Kemna, A. Vorst, A pricing method for options based on
average asset values, J. Banking & Finance 14 (1990), doi:10.1016/0378-4266(90)90039-5; theirs is the geometric average,
whose variance is that of the arithmetic one but for terms of the order of (s^2 t)^2).
"""

from __future__ import annotations

from datetime import date

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Floats

#: Venue -> (first expiry date, minutes of the index that the settlement price averages), ascending.
#: Sources: support.deribit.com, "Inverse Options" and "Linear USDC Options" (07:30 to 08:00 UTC); Bybit help, "FAQ
#: Options Trading"; Binance FAQ, "Options Contract Specifications" (mean of 1,800 seconds); OKX help, "Options
#: Introduction" (one hour), and its change to 30 minutes from 2026-03-18 as the press relayed it.
WINDOW_MINUTES: dict[str, tuple[tuple[date, int], ...]] = {
    "deribit": ((date.min, 30),),
    "bybit": ((date.min, 30),),
    "okx": ((date.min, 60), (date(2026, 3, 18), 30)),
    "binance": ((date.min, 30),),
}


def window_minutes(venue: str, day: date) -> int | None:
    """Minutes that a venue averages for an expiry of that date; None for a venue whose rule is not known."""
    return next((m for since, m in reversed(WINDOW_MINUTES.get(venue, ())) if day >= since), None)


def gamma(f: Floats, k: Floats, t: Floats, s: Floats, window: Floats, average: Floats) -> Floats:
    """Change of delta per 1 USD of forward of an option on the average, call or put alike.

    Arguments broadcast. ``t`` and ``window`` in years, ``average`` in USD per coin: what has been averaged so far
    (a settlement estimate, else the forward), which counts inside the window only. There the part 1 - w is fixed,
    w = t / window: the strike becomes K' = (k - (1 - w) average) / w, and gamma is w times that of Black-76 at K'.
    K' <= 0 is certain to be exercised, or not to be: 0. It falls to 0 at expiry. NaN in, NaN out; of the average
    inside the window only.
    """
    w = np.minimum(t / window, 1.0)
    is_inside = (w > 0) & (w < 1)
    strike = np.where(is_inside, (k - (1 - w) * average) / np.where(is_inside, w, 1.0), k)
    is_settled = strike <= 0
    years = np.where(t < window, t / 3, t - 2 * window / 3)
    plain = black76.gamma(f, np.where(is_settled, f, strike), years, s)
    return w * np.where(is_settled, 0.0 * plain, plain)
