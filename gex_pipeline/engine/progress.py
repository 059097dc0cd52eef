"""What long work tells its caller. How it is shown is `present`'s matter."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one piece of long work."""

    def start(self, label: str, total: int) -> None:
        """Work of ``total`` steps begins."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more steps are done; ``note`` names the last one."""

    def close(self) -> None:
        """The work is over, finished or not."""


class Silent:
    """Shows nothing."""

    def start(self, label: str, total: int) -> None:
        """Ignore."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Ignore."""

    def close(self) -> None:
        """Ignore."""
