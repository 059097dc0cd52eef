"""Telling a person: a line of text to a command of theirs, such as one that calls a webhook."""

from __future__ import annotations

import shlex
import subprocess

from gex_pipeline.errors import GexError

_SECONDS = 30.0


def alert(command: str, text: str) -> None:
    """Run a command, given as in a shell but without one, with the text on its standard input.

    Raises ``GexError`` where it cannot be run, takes longer than half a minute or fails.
    """
    words = shlex.split(command)
    if not words:
        raise GexError("GEX_ALERT_COMMAND names no command")
    try:
        subprocess.run(words, input=text, text=True, timeout=_SECONDS, check=True, capture_output=True)  # noqa: S603 - theirs
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise GexError(f"the alert command {command!r} failed: {error}; it was to say: {text}") from None
