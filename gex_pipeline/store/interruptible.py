"""Ctrl-C while DuckDB works. Belongs here: that a query ends soon and says so as an interrupt, nothing else."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import duckdb

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: DuckDB forgets an interrupt that comes while a query is planned: it is told again after this many seconds.
_AGAIN_S = 0.05


@contextmanager
def interruptible(con: duckdb.DuckDBPyConnection) -> Generator[None]:
    """Let the handlers of Ctrl-C and SIGTERM speak when DuckDB has let go, and make it let go.

    An exception out of a handler that runs within a Python function of a query becomes an error of that query, is lost,
    or leaves DuckDB's threads waiting for each other. Outside the main thread, which alone hears signals, nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[tuple[int, FrameType | None]] = []
    is_over = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        heard.append((number, frame))
        if len(heard) == 1:
            threading.Thread(target=_interrupt, args=(con, is_over), daemon=True).start()

    handlers = {each: handler for each in _SIGNALS if callable(handler := signal.getsignal(each))}
    for each in handlers:
        signal.signal(each, stop)
    try:
        yield
    finally:
        is_over.set()
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number, frame in heard[:1]:
            handlers[signal.Signals(number)](number, frame)


def _interrupt(con: duckdb.DuckDBPyConnection, is_over: threading.Event) -> None:
    while not is_over.is_set():
        con.interrupt()
        is_over.wait(_AGAIN_S)
