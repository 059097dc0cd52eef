"""Where a coin stands, and in words what changed and what is missing. Not: how it is laid out, see `scan`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gex_pipeline.present import text

#: Changes of a price that are worth a word.
_LEAST_CHANGE = 0.001
_WORDS = ("regime", "confidence", "cell")
_PRICES = {"spot_usd": "spot", "zero_gamma_usd": "flip", "call_resistance": "call wall", "put_support": "put wall"}
_NO_PREMIUM = {
    "no_iv": "30 days are not between two expiries with an IV",
    "no_candles": "no 30 days of candles",
    "neither": "neither a 30-day IV nor 30 days of candles",
}


@dataclass(frozen=True)
class Stand:
    """A coin: its row of the last snapshot, that of a day before where there is one, and how old the last is.

    Rows have the columns of view `regime`, the nearest OPEX (``opex_at``, ``opex_type``, ``opex_share`` of gross gamma,
    ``opex_flip_usd`` without it), the main walls, the ``venues`` of the snapshot, net GEX with a venue left out at the
    lowest and highest (``without_low_usd``, ``without_high_usd``) and that of 0DTE alone (``odte_net_gex_usd``).
    """

    underlying: str
    now: dict[str, Any]
    before: dict[str, Any] | None
    age_seconds: float
    is_stale: bool

    @property
    def hours(self) -> float | None:
        """Between the two snapshots."""
        before = self.before
        return None if before is None else (self.now["snapshot_at"] - before["snapshot_at"]).total_seconds() / 3600.0

    def changes(self) -> Iterator[str]:
        """What is other than a day before; of other venues nothing can be said."""
        now, before = self.now, self.before
        if before is None or self.hours is None:
            yield "no snapshot of a day before"
            return
        if now["venues"] != before["venues"]:
            yield f"not to be compared: {', '.join(before['venues'] or ())} a day before"
            return
        if abs(self.hours - 24.0) >= 1.0:
            yield f"in {self.hours:.0f} h"
        for name in _WORDS:
            if now[name] != before[name] and None not in (now[name], before[name]):
                yield f"{name} was {before[name]}"
        for name, word in _PRICES.items():
            if None not in (now[name], before[name]) and abs(now[name] / before[name] - 1.0) >= _LEAST_CHANGE:
                yield f"{word} {text.percent(now[name] / before[name] - 1.0)}"

    def reasons(self) -> Iterator[str]:
        """What to doubt: venues, signs that hang on one; and why there is no premium, no z-score of it, no OPEX."""
        gone = sorted(set((self.before or self.now)["venues"] or ()) - set(self.now["venues"] or ()))
        if gone:
            yield f"nothing from {', '.join(gone)} in the snapshot"
        yield from self._doubts()
        if self.now["vrp_vol_pts"] is None:
            yield f"no premium: {_NO_PREMIUM[self.now['vrp_status'] or 'neither']}"
        elif self.now["vrp_z"] is None:
            yield f"no z: {self.now['vrp_count']} snapshots have a premium, on fewer than 30 days"
        if self.now["opex_at"] is None:
            yield "no monthly or quarterly expiry is listed"

    def _doubts(self) -> Iterator[str]:
        """Of the sign of net GEX."""
        now = self.now
        signs = {
            now[name] > 0 for name in ("net_gex_usd", "without_low_usd", "without_high_usd") if now[name] is not None
        }
        if len(signs) > 1:
            yield "without one of the venues net GEX has the other sign"
        if now["odte_net_gex_usd"] and (now["odte_net_gex_usd"] > 0) != (now["net_gex_usd"] > 0):
            yield f"0DTE alone has the other sign, {text.amount(now['odte_net_gex_usd'], is_signed=True)}"
