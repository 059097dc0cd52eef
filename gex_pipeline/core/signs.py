"""Sign models: who is assumed to hold what.

A positive exposure means that dealers, under the sign model, hold the position that is long the greek. A sign model is
an assumption, not an observation: `naive` says that customers sell calls (overwriting) and buy puts (protection), so
that dealers are long calls and short puts. Any long option has positive gamma, any short option negative gamma, call
or put alike. The exposures themselves are the SQL view `exposure`.

`taker` assumes less: that whoever takes a price is a customer and whoever gave it a dealer, so that dealers hold minus
what takers have bought and sold since the contract was listed. It has a position per contract, no signs.
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats

#: The sign model whose positions come from trades.
TAKER = "taker"
#: sign model -> (sign of the dealers' calls, sign of their puts); all but TAKER
SIGNS: dict[str, tuple[float, float]] = {
    "naive": (1.0, -1.0),
    "short_all": (-1.0, -1.0),
    "unsigned": (1.0, 1.0),
}


def row_signs(sign_model: str, is_call: Bools, dealer: Floats) -> Floats:
    """The dealers' sign of each row; ``dealer``, their coins, is looked at by TAKER alone."""
    if sign_model == TAKER:
        return np.where(dealer < 0, -1.0, 1.0)
    call, put = SIGNS[sign_model]
    return np.where(is_call, call, put)
