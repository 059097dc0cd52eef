"""Crossings of zero of the re-priced profile: where they are, which way they go, which one is the headline.

Belongs here: bracketing on a grid and refinement by re-pricing. Not: the grid itself (see `profile`).
Crossings are searched in x = ln(spot / S); prices come back in USD.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gex_pipeline.core.between_points import Polynomials
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import run_sums
from gex_pipeline.core.profile import REACH, X_MAX, X_MIN, Gaussians, Ints, search_grid
from gex_pipeline.core.sign_changes import sign_changes
from gex_pipeline.core.units import FLOOR, ONE_PERCENT

#: A headline crossing this close (in price) to an end of the search range has status `edge`.
EDGE = 0.0025
#: Strikes whose s sqrt(t) is below this are searched around one by one.
NARROW_VOL = 0.005
_SIGMAS = np.arange(-4, 5)
# Newton's error after a step d is about d^2 / (2 v), v >= 1e-4: far below the 1e-6 that the definitions ask for.
_LAST_STEP = 1e-7
# A slope taken this close to the root is the root's to 1e-6 of it, also where two flips are close.
_SLOPE_STEP = 1e-9
_MAX_ITERATIONS = 100
# USD per 1 %, and per unit of x; near the smallest double, where Gaussians lose their digits before they vanish. At a
# root that is hit exactly the terms of the value cancel, and the slope is large.
_FAINT, _FAINT_SLOPE = 1e-280, 1e-270


@dataclass(frozen=True)
class Crossings:
    """Crossings of several books, sorted by book and price; arrays of shape (n,).

    ``slope_usd`` is 0.01 x S* x d net/dS at the crossing S*: USD per 1 % per 1 %.
    """

    group: Ints
    x: Floats
    is_up: Bools
    slope_usd: Floats


def is_above_floor(net: Floats, gross: Floats) -> Bools:
    """True where a value of a profile counts: not below FLOOR times the largest gross of its book, and not 0."""
    return (np.abs(net) >= FLOOR * gross.max(axis=1, keepdims=True)) & (net != 0)


def signs(net: Floats, counts: Bools) -> Ints:
    """Signs that a profile takes where it ``counts``, per book: 1 if positive, plus 2 if negative, 0 for none."""
    positive, negative = (np.any(counts & side, axis=1) for side in (net > 0, net < 0))
    return np.where(positive, 1, 0) + np.where(negative, 2, 0)


@dataclass(frozen=True)
class Brackets:
    """Intervals [low, high] in x whose ends have non-zero net of opposite sign, and a first guess of the root.

    ``is_up``: net goes from negative to positive as price rises.
    """

    group: Ints
    low: Floats
    high: Floats
    guess: Floats
    is_up: Bools

    @staticmethod
    def from_grid(x: Floats, net: Floats, counts: Bools) -> Brackets:
        """Sign changes along the last axis of ``net`` (books, points) over the ascending ``x``, all books' or each's.

        A value that does not count (see `is_above_floor`) is zero; zeros between two values of opposite sign belong to
        one crossing, zeros alone are none.
        """
        group, low, high = sign_changes(net, counts)
        x = np.broadcast_to(x, net.shape)
        guess = _cubic_root(x, net, group, low, high)
        return Brackets(group, x[group, low], x[group, high], guess, net[group, high] > 0)

    def sharpened(self, net: Floats) -> Brackets:
        """The same with guesses off the polynomial through eight points of ``net``, curves on the search grid.

        One re-pricing then usually confirms them, and re-pricing whole books is what costs.
        """
        curves = Polynomials.through(net, self.group, self.guess)
        return replace(self, guess=curves.roots(self.low, self.high, self.guess))

    def take(self, rows: Bools) -> Brackets:
        """Some of the brackets."""
        return Brackets(*(getattr(self, n)[rows] for n in ("group", "low", "high", "guess", "is_up")))

    def replace(self, groups: Ints, other: Brackets) -> Brackets:
        """The same brackets with those of some books replaced by ``other``, whose groups are indices in ``groups``."""
        kept = self.take(~np.isin(self.group, groups))
        parts = (np.concatenate([getattr(kept, n), getattr(other, n)]) for n in ("low", "high", "guess", "is_up"))
        return Brackets(np.concatenate([kept.group, groups[other.group]]), *parts)


def _cubic_root(x: Floats, net: Floats, group: Ints, low: Ints, high: Ints) -> Floats:
    """Root of the cubic through the bracket's ends and their neighbours; the secant's where that leaves the bracket."""
    points = np.stack([np.maximum(low - 1, 0), low, high, np.minimum(high + 1, x.shape[1] - 1)])
    xs, ys = x[group, points], net[group, points]
    secant = xs[1] - ys[1] * (xs[2] - xs[1]) / (ys[2] - ys[1])
    root: Floats = secant.copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        c01 = (ys[2] - ys[1]) / (xs[2] - xs[1])
        c012 = ((ys[3] - ys[2]) / (xs[3] - xs[2]) - c01) / (xs[3] - xs[1])
        c_before = (c01 - (ys[1] - ys[0]) / (xs[1] - xs[0])) / (xs[2] - xs[0])
        c0123 = (c012 - c_before) / (xs[3] - xs[0])
        for _ in range(3):
            a, b, d = root - xs[1], root - xs[2], root - xs[3]
            value = ys[1] + a * (c01 + b * (c012 + d * c0123))
            slope = c01 + c012 * (a + b) + c0123 * (a * b + a * d + b * d)
            root = root - value / slope
    is_inside = np.isfinite(root) & (root > xs[1]) & (root < xs[2])
    return np.where(is_inside, root, secant)


def narrow_points(strike: Floats, spot: float, bumps: Gaussians) -> Floats:
    """Extra search points x for strikes with v = s sqrt(t) < 0.5 %: ln(K/S) + j v, j = -4 .. 4, inside the range.

    In the last hour of a tenor the peaks are narrower than the grid, and a plain grid would step over them. The same
    points lie around the peak itself, which is not at K where the forward is not at spot. Of the contracts at one
    strike the narrowest sets the points. ``strike`` has the shape of the bumps.
    """
    narrow = np.flatnonzero(bumps.v < NARROW_VOL)
    narrow = narrow[np.lexsort((bumps.v[narrow], strike[narrow]))]
    first = narrow[np.diff(strike[narrow], prepend=-np.inf) > 0]
    centres = np.concatenate([np.log(strike[first] / spot), bumps.m[first]])
    x = centres[:, None] + _SIGMAS * np.tile(bumps.v[first], 2)[:, None]
    points: Floats = x[(x > X_MIN) & (x < X_MAX)]
    return np.unique(points)


def values_at(bumps: Gaussians, weight: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Net and gross of one book at ascending points x, by direct re-pricing. ``weight``: signed heights, shape (n,)."""
    net, gross = np.empty_like(x), np.empty_like(x)
    for first in range(0, len(x), 64):  # neighbouring points see the same few narrow contracts
        part = slice(first, first + 64)
        near = np.flatnonzero(
            (bumps.m + REACH * bumps.v >= x[part][0]) & (bumps.m - REACH * bumps.v <= x[part][-1]) & (bumps.c > 0)
        )
        seen = bumps[near]
        with np.errstate(under="ignore"):
            shape = np.exp(-0.5 * ((x[part] - seen.m[:, None]) / seen.v[:, None]) ** 2)
        # Not a matrix product: its order of summation is the BLAS library's choice.
        net[part], gross[part] = (weight[near][:, None] * shape).sum(0), (seen.c[:, None] * shape).sum(0)
    return net * np.exp(x), gross * np.exp(x)


def refine(
    brackets: Brackets,
    bumps: Gaussians,
    weight: Floats,
    first: Ints,
    last: Ints,
    rest: Polynomials | None = None,
) -> Crossings:
    """Newton's method inside each bracket, re-pricing the bracket's whole book at every step.

    Parameters
    ----------
    bumps, weight
        All contracts; ``weight`` is the height with the dealers' sign.
    first, last
        Shape (brackets, runs): the book of a bracket is the contracts first .. last - 1 of every run.
    rest
        What else the book of each bracket holds, near the bracket.
    """

    def priced(which: Ints, at: Floats) -> tuple[Floats, Floats]:
        value, slope = _value_and_slope(at, bumps, weight, first[which], last[which])
        if rest is not None:
            more, steeper = rest.at(which, at)
            value, slope = value + more, slope + steeper
        return value, slope

    low, high = brackets.low.copy(), brackets.high.copy()
    x, is_up = brackets.guess.copy(), brackets.is_up
    slope_usd, step = np.empty_like(x), high - low
    active = np.arange(len(x))
    for _ in range(_MAX_ITERATIONS):
        here = x[active]
        value, slope = priced(active, here)
        slope_usd[active] = ONE_PERCENT * np.exp(here) * (value + slope)
        faint = np.flatnonzero((np.abs(value) < _FAINT) & (np.abs(slope) < _FAINT_SLOPE))
        if len(faint):
            books = active[faint]
            value[faint] = _scaled_value(here[faint], bumps, weight, first[books], last[books])
            slope[faint] = 0.0  # no Newton step without one: bisect
        is_left = (value < 0) == is_up[active]
        low[active] = np.where(is_left, here, low[active])
        high[active] = np.where(is_left, high[active], here)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            new = here - value / slope
        inside = np.isfinite(new) & (new >= low[active]) & (new <= high[active])
        # On the tails of two Gaussians Newton creeps by equal steps: bisect unless the steps at least halve.
        is_good = inside & (np.abs(new - here) <= 0.5 * step[active])
        new = np.where(is_good, new, 0.5 * (low[active] + high[active]))
        new = np.where(value == 0, here, new)
        step[active] = np.abs(new - here)
        x[active] = new
        active = active[step[active] > _LAST_STEP]
        if not len(active):
            break
    moved = np.flatnonzero(step > _SLOPE_STEP)
    if len(moved):
        slope_usd[moved] = ONE_PERCENT * np.exp(x[moved]) * sum(priced(moved, x[moved]))
    order = np.lexsort((x, brackets.group))
    return Crossings(brackets.group[order], x[order], is_up[order], slope_usd[order])


def _value_and_slope(x: Floats, bumps: Gaussians, weight: Floats, first: Ints, last: Ints) -> tuple[Floats, Floats]:
    """N(x) = net exp(-x) and dN/dx of several books, each at its own point."""
    rows, counts = _rows(first, last)
    v = bumps.v[rows]
    z = (np.repeat(x, counts) - bumps.m[rows]) / v
    with np.errstate(under="ignore"):
        g = weight[rows] * np.exp(-0.5 * z * z)
        return run_sums(g, counts), run_sums(-g * z / v, counts)


def _scaled_value(x: Floats, bumps: Gaussians, weight: Floats, first: Ints, last: Ints) -> Floats:
    """N(x) over the largest Gaussian at x: has its sign where all of them underflow (in the last minutes)."""
    rows, counts = _rows(first, last)
    owner = np.repeat(np.arange(len(x)), counts)
    exponent = -0.5 * ((x[owner] - bumps.m[rows]) / bumps.v[rows]) ** 2
    largest = np.full(len(x), -np.inf)
    np.maximum.at(largest, owner, exponent)
    with np.errstate(under="ignore"):
        return run_sums(weight[rows] * np.exp(exponent - largest[owner]), counts)


def _rows(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Rows of all runs first .. last - 1 of each book, and how many each has; arguments of shape (books, runs)."""
    counts = (last - first).reshape(-1)
    before = np.cumsum(counts) - counts
    rows: Ints = np.arange(int(counts.sum())) + np.repeat(first.reshape(-1) - before, counts)
    return rows, counts.reshape(first.shape).sum(axis=1)


def on_grid(net: Floats, gross: Floats) -> Floats:
    """x of the headline crossing of each curve on the search grid (books, points), NaN without one; not re-priced.

    The cubic between the points tells it to about 0.01 % of price, but for peaks that are narrower than the grid.
    """
    found = Brackets.from_grid(search_grid(), net, is_above_floor(net, gross))
    crossings = Crossings(found.group, found.guess, found.is_up, np.full(len(found.guess), np.nan))
    return headline(crossings, len(net))[0]


def headline(crossings: Crossings, n_groups: int) -> tuple[Floats, Ints]:
    """Per book, x of the headline crossing (NaN without one) and the number of crossings.

    The headline is the crossing nearest to spot in price at which net goes from negative to positive as price rises;
    with none of those, the nearest crossing. Equal distances go to the lower price.
    """
    distance = np.abs(np.expm1(crossings.x))
    order = np.lexsort((crossings.x, distance, ~crossings.is_up, crossings.group))
    group = crossings.group[order]
    is_first = np.diff(group, prepend=-1) > 0
    x = np.full(n_groups, np.nan)
    x[group[is_first]] = crossings.x[order][is_first]
    return x, np.bincount(crossings.group, minlength=n_groups)
