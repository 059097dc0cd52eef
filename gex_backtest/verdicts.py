"""What a headline says of its claim, in three words that are fixed, by a rule that is fixed. Pure.

A test that finds nothing says something only where it would have found an effect worth having: each rule states the
smallest one (`Rule.claimed`), with the sign that it claims.
"""

from __future__ import annotations

import math

from gex_backtest.study import BEYOND, FOUND, Estimate

SUPPORTED, NOT_SUPPORTED, TOO_LITTLE_TO_SAY = "supported", "not supported", "too little data to say"
LEVEL = 0.05


def verdict(headline: Estimate, claimed: float) -> str:
    """What is said of a claim.

    Supported: apart from 0 at 5 %, with the sign of ``claimed``. Not supported: apart from 0 with the other sign, or
    not apart where four such tests of five would find an effect as large as ``claimed``. Else too little data.
    """
    if headline.value is None or headline.p_value is None or headline.detectable is None:
        return TOO_LITTLE_TO_SAY
    if headline.p_value < LEVEL:
        return SUPPORTED if headline.value * claimed > 0 else NOT_SUPPORTED
    return NOT_SUPPORTED if headline.detectable <= abs(claimed) else TOO_LITTLE_TO_SAY


def power(headline: Estimate, claimed: float) -> float | None:
    """Chance that such a test finds an effect as large as ``claimed``, by a normal distribution; None without a number.

    What the interval says of the error counts, not what was found.
    """
    if headline.detectable is None:
        return None
    shift = abs(claimed) / headline.detectable * (FOUND + BEYOND)
    return 0.5 * math.erfc((BEYOND - shift) / math.sqrt(2.0)) + 0.5 * math.erfc((BEYOND + shift) / math.sqrt(2.0))
