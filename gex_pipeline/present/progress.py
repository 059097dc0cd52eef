"""How far long work has come: a bar on a terminal, plain lines otherwise. Both go to standard error.

The classes fit ``engine.progress.Progress`` by shape; nothing here imports the engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds between two plain lines.
LINE_EVERY = 5.0


def for_stream(stream: TextIO | None = None) -> BarProgress | LineProgress:
    """A bar when the stream is a terminal, lines when it is a file, a pipe or a log."""
    target: TextIO = stream or sys.stderr
    return BarProgress(target) if target.isatty() else LineProgress(target)


class LineProgress:
    """A line at the start and the end of each piece of work and at most one every few seconds between."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, line_every: float = LINE_EVERY
    ) -> None:
        self._stream, self._clock, self._line_every = stream, clock, line_every
        self._label, self._total, self._done, self._last = "", 0, 0, 0.0

    def start(self, label: str, total: int) -> None:
        """Begin a piece of work of ``total`` steps; an unfinished one before it is ended."""
        self.close()
        self._label, self._total, self._done, self._last = label, total, 0, self._clock()
        if total:
            print(f"{label}: {total} to do", file=self._stream, flush=True)

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more steps are done; ``note`` says which was the last."""
        self._done += n
        now = self._clock()
        if self._done < self._total and now - self._last >= self._line_every:
            self._last = now
            self._print(note)

    def close(self) -> None:
        """End the piece of work; a second call does nothing."""
        if self._label and self._total:
            self._print("")
        self._label = ""

    def _print(self, note: str) -> None:
        tail = f" ({note})" if note else ""
        print(f"{self._label}: {self._done} of {self._total}{tail}", file=self._stream, flush=True)


class BarProgress:
    """A rich bar with the time that is left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def start(self, label: str, total: int) -> None:
        """Begin a piece of work of ``total`` steps; an unfinished one before it is ended."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, TextColumn("[dim]{task.fields[note]}"), console=Console(file=self._stream))
        self._task = self._bar.add_task(label, total=total, note="")
        self._bar.start()

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more steps are done; ``note`` says which was the last."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=n, note=note)

    def close(self) -> None:
        """Stop drawing; a second call does nothing."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
