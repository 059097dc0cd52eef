"""Ctrl-C during long work. Belongs here: that it is heard; what happens then is for the command line and the engine."""

from __future__ import annotations

import signal


def hear_ctrl_c() -> None:
    """Put Python's handler of Ctrl-C back, once the libraries of a command are loaded.

    Polars replaces it when it is imported, and loses a Ctrl-C that comes while a query ends.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
