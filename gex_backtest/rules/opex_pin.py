"""Pinning: whether settlements come to the strike with the most gamma of their expiry; beside it, to its max pain.

Per expiry and lead (1 to 72 hours before its 08:00 UTC), candidates K: the three strikes with the largest gross gamma
of that expiry, max pain, the mean strike by open interest; and placebos: the largest after open interest has been
permuted across strikes (a coin's gamma stays at its strike), the nearest round number, the nearest strike. With S the
price at the decision, d = ln(K / S) and x = ln(settlement / S), both in units of sigma sqrt(lead) by trailing
realised volatility:

- ``pull`` = sign(d) x. Its mean is 0 for a martingale, whatever K is.
- ``closer`` = ``pull``, at least -abs(d) and at most abs(d): half of how much nearer the settlement is to K than to the
  mirror image of K in S. A price that merely moves less near K is a martingale still, without a mean pull, and shows
  here. Its mean is 0 where moves up and down are alike.
- ``miss`` = abs(x - d) - abs(x): above 0 where spot tells the settlement better than K does, as for every martingale:
  no test. Also of candidates beyond reach, which are no events of the other two.

Then each settlement's distance from the nearest of the strikes listed a day before, see `clustering`; the expiries with
large gross gamma are those above the median of the earlier ones of their type, all a day before (later, gamma tells
how near spot is to a strike). Paths show how price comes to the strike, and to the permuted one, in the last hours.

Headline: mean of ``closer`` for the strike with the largest gross gamma, 8 hours before, all expiries; the claim is
that it is positive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from gex_backtest import clustering, estimates, pins
from gex_backtest.bounds import require
from gex_backtest.history import ORIGINS
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel, micros
from gex_backtest.paths import event_path, price_path
from gex_backtest.pulls import UNIT, Drawn
from gex_backtest.study import OK, TOO_LITTLE, Estimate, Rule, Study
from gex_pipeline.core.black76 import Floats

#: The headline's lead first.
_LEADS = (8, 1, 2, 4, 24, 48, 72)
_DAY = 24


@dataclass(frozen=True)
class Parameters:
    """What is tested.

    Attributes
    ----------
    reach_sigmas
        Farthest distance of a candidate, in standard deviations of the price until the settlement.
    volatility_days
        Days of realised volatility that these are worked out from.
    band_pct
        Distance from spot, per cent, within which the placebo's open interest is permuted.
    seed
        Of the permutations, together with the expiry.
    trade_lead_hours
        Hours before a settlement at which a trade begins; at most 24, so that there is one at a time.
    trade_least_bps
        Least distance between spot and the strike of a trade, basis points.
    """

    reach_sigmas: float = 2.0
    volatility_days: int = 7
    band_pct: float = 10.0
    seed: int = 7
    trade_lead_hours: int = 8
    trade_least_bps: float = 20.0

    def __post_init__(self) -> None:
        require("trade_lead_hours", self.trade_lead_hours, 1, _DAY)
        for name in ("reach_sigmas", "volatility_days", "band_pct"):
            require(name, getattr(self, name), 0.001, 1_000)
        require("seed", self.seed, 0, 2**32 - 1)


def headline(panel: Panel, parameters: Parameters) -> Estimate:
    """Half of how much nearer settlements are to the strike with the largest gross gamma than to its mirror image."""
    known = pins.decisions(panel, _LEADS[:1], parameters.volatility_days)
    drawn = Drawn.to(known, pins.strongest(known)[:, 0], parameters.reach_sigmas)
    return _mean("closer", f"{pins.MAX_GAMMA}, {_LEADS[0]} h, all", drawn.outcomes["closer"], _LEADS[0])


def study(panel: Panel, parameters: Parameters) -> Study:
    """All events and estimates; see the module."""
    known = pins.decisions(panel, _LEADS, parameters.volatility_days)
    at = pins.candidates(known, parameters.band_pct, parameters.seed)
    drawn = {name: Drawn.to(known, level, parameters.reach_sigmas) for name, level in at.items()}
    day_before = known.filter(pl.col("lead_hours") == _DAY)
    settled, others = clustering.settled(day_before), clustering.other_hours(panel, day_before)
    of_prices = (clustering.events(each) for each in (settled, others))
    events = pl.concat([*(each.events(name) for name, each in drawn.items()), *of_prices])
    of_strikes = (*_pulls(known, drawn), *_reached(known, drawn), *_against(known, drawn))
    found = [*of_strikes, *clustering.compared(settled, others)]
    towards = {f"moves towards {name}, in deviations": drawn[name] for name in (pins.MAX_GAMMA, pins.PERMUTED)}
    paths = {name: _approach(panel, each) for name, each in towards.items()}
    return Study(events.sort("decided_at", maintain_order=True), found, paths)


def _approach(panel: Panel, drawn: Drawn) -> pl.DataFrame:
    """How far price comes towards a candidate of the headline's lead, hour by hour until the settlement."""
    lead = _LEADS[0]
    here = drawn.is_near & (drawn.known["lead_hours"] == lead).to_numpy()
    hours, path = price_path(panel.bars, lead)
    at = micros(drawn.known["decided_at"])[here]
    return event_path(panel.bars, hours, path, at, np.sign(drawn.distance[here]))


def orders(panel: Panel, parameters: Parameters) -> Orders:
    """Towards the strike with the largest gross gamma until the settlement, where it is within reach and not here."""
    known = _traded(panel, parameters)
    return _towards(panel, parameters, known, pins.strongest(known)[:, 0])


def placebo_orders(panel: Panel, parameters: Parameters) -> dict[str, Orders]:
    """The same towards each placebo."""
    known = _traded(panel, parameters)
    at = pins.candidates(known, parameters.band_pct, parameters.seed)
    return {name: _towards(panel, parameters, known, level) for name, level in at.items() if "placebo" in name}


def _traded(panel: Panel, parameters: Parameters) -> pl.DataFrame:
    """Where a trade would begin."""
    return pins.decisions(panel, (parameters.trade_lead_hours,), parameters.volatility_days)


def _towards(panel: Panel, parameters: Parameters, known: pl.DataFrame, level: Floats) -> Orders:
    drawn = Drawn.to(known, level, parameters.reach_sigmas)
    is_far = np.abs(level / known["spot_usd"].to_numpy() - 1.0) >= parameters.trade_least_bps * 1e-4
    chosen, bars = drawn.is_near & is_far, panel.bars
    targets = np.full(len(bars), np.nan)
    ends = np.searchsorted(bars.close_at, micros(known["expiry_at"])[chosen])
    targets[ends[ends < len(bars)]] = 0.0
    targets[np.searchsorted(bars.close_at, micros(known["decided_at"])[chosen])] = np.sign(drawn.distance[chosen])
    return Orders(targets)


def _pulls(known: pl.DataFrame, drawn: dict[str, Drawn]) -> Iterator[Estimate]:
    """Each outcome of each candidate per lead and type, the headline first."""
    leads, types = known["lead_hours"].to_numpy(), known["expiry_type"].to_numpy()
    for outcome, (name, each), lead in product(("closer", "pull", "miss"), drawn.items(), _LEADS):
        values, here = each.outcomes[outcome], leads == lead
        found = [
            _mean(outcome, f"{name}, {lead} h, all", values[here], lead),
            _mean(outcome, f"{name}, {lead} h, daily", values[here & (types == "daily")], lead),
        ]
        for kind in pins.FRIDAYS:
            mine = values[here & (types == kind)]
            found.append(estimates.independent(outcome, f"{name}, {lead} h, {kind}", UNIT, mine))
        yield from (each.untested() for each in found) if outcome == "miss" else found


def _reached(known: pl.DataFrame, drawn: dict[str, Drawn]) -> Iterator[Estimate]:
    """Share of decisions whose candidate was within reach: the others are no events."""
    leads = known["lead_hours"].to_numpy()
    for (name, each), lead in product(drawn.items(), _LEADS):
        group, is_near = f"{name}, {lead} h, all", each.is_near[leads == lead]
        n, share = len(is_near), float(is_near.mean()) if len(is_near) else None
        yield Estimate("within reach", group, "share", n, "count", share, status=OK if n else TOO_LITTLE)


def _against(known: pl.DataFrame, drawn: dict[str, Drawn]) -> Iterator[Estimate]:
    """The strike with the largest gamma beside the placebo, off round numbers, and by where prices come from."""
    leads, origins = known["lead_hours"].to_numpy(), known["origin"].to_numpy()
    most, permuted = drawn[pins.MAX_GAMMA], drawn[pins.PERMUTED]
    is_round = pins.is_round(most.level)
    for outcome in ("pull", "closer"):
        values, placebo = most.outcomes[outcome], permuted.outcomes[outcome]
        for lead in _LEADS:
            here = leads == lead
            yield _mean(f"{outcome} beyond permuted", f"max_gamma, {lead} h, all", (values - placebo)[here], lead)
            yield _mean(outcome, f"max_gamma, {lead} h, not round", values[here & ~is_round], lead)
        for origin in ORIGINS:
            here = (leads == _LEADS[0]) & (origins == origin)
            yield _mean(outcome, f"max_gamma, {_LEADS[0]} h, price of {origin}", values[here], _LEADS[0])


def _mean(name: str, group: str, values: Floats, lead_hours: int) -> Estimate:
    """Over settlements of every day: those at more than a day's lead overlap."""
    if lead_hours <= _DAY:
        return estimates.independent(name, group, UNIT, values)
    return estimates.mean(name, group, UNIT, values, overlap=-(-lead_hours // _DAY))


RULE = Rule(
    name="opex_pin",
    hypothesis="Settlements are drawn to the strike with the largest gross gamma of their expiry.",
    parameters=Parameters,
    study=study,
    headline=headline,
    claimed=0.15,
    needs=("expiring", "settlements"),
    orders=orders,
    placebo_orders=placebo_orders,
)
