"""Ctrl-C during long work. Belongs here: that it is heard; what happens then is for the command line and the engine."""

from __future__ import annotations

import signal
from types import FrameType

#: Every Ctrl-C so far: libraries may turn the exception into another one.
_heard: list[int] = []


def hear_ctrl_c() -> None:
    """Put a handler of Ctrl-C in place, once the libraries of a command are loaded.

    Polars replaces Python's when it is imported, and loses a Ctrl-C that comes while a query ends.
    """
    signal.signal(signal.SIGINT, _stop)


def is_heard() -> bool:
    """Whether there was a Ctrl-C."""
    return bool(_heard)


def _stop(number: int, _: FrameType | None) -> None:
    _heard.append(number)
    raise KeyboardInterrupt
