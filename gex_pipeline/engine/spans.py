"""Stretches of time: what is missing between two instants. Pure. Not here: where it is known from (known.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

#: From the first instant to before the second.
Stretch = tuple[datetime, datetime]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same instants in as few stretches as possible, ascending."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return found


def without(whole: Stretch, known: Iterable[Stretch]) -> list[Stretch]:
    """What is left of a stretch, ascending."""
    start, end = whole
    left: list[Stretch] = []
    for begins, ends in united(known):
        if start < min(begins, end):
            left.append((start, min(begins, end)))
        start = max(start, ends)
    return [*left, (start, end)] if start < end else left


def cut(stretches: Iterable[Stretch], longest: timedelta) -> Iterator[Stretch]:
    """The stretches in pieces of a length or less, ascending."""
    for start, end in stretches:
        begins = start
        while begins < end:
            ends = end if end - begins <= longest else begins + longest
            yield begins, ends
            begins = ends


def on_grid(whole: Stretch, step: timedelta) -> Stretch:
    """The bars that open within a stretch and are over at its end, as a stretch of whole bars."""
    start = _EPOCH - (_EPOCH - whole[0]) // step * step
    return start, _EPOCH + (whole[1] - _EPOCH) // step * step


def missing_bars(whole: Stretch, step: timedelta, opens: Sequence[datetime]) -> list[Stretch]:
    """The bars of a stretch of whole bars that are not among those that open at some instants."""
    return without(whole, ((opened, opened + step) for opened in opens))
