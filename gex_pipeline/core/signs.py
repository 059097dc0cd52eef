"""Sign models: who is assumed to hold what.

A positive exposure means that dealers, under the sign model, hold the position that is long the greek. A sign model is
an assumption, not an observation: `naive` says that customers sell calls (overwriting) and buy puts (protection), so
that dealers are long calls and short puts. Any long option has positive gamma, any short option negative gamma, call
or put alike. The exposures themselves are the SQL view `exposure`.
"""

from __future__ import annotations

#: sign model -> (sign of the dealers' calls, sign of their puts); `taker` needs trades and has no fixed signs
SIGNS: dict[str, tuple[float, float]] = {
    "naive": (1.0, -1.0),
    "short_all": (-1.0, -1.0),
    "unsigned": (1.0, 1.0),
}
