"""Where words go: data to standard output, messages to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType


def say(message: str) -> None:
    """One line for the person at the terminal."""
    sys.stderr.write(f"gex: {' '.join(message.split())}\n")


def say_all(messages: Iterable[str]) -> bool:
    """One line each; whether there was any."""
    lines = list(messages)
    for line in lines:
        say(line)
    return bool(lines)


def show(*renderables: RenderableType, is_wide: bool = False) -> None:
    """Tables and text on standard output; a wide one takes the room it needs, and the terminal wraps its lines."""
    console = Console(file=sys.stdout, highlight=False, markup=False)
    for renderable in renderables:
        if is_wide:
            from gex_pipeline.present.exports import natural_width

            console.width = natural_width(console, renderable)
        console.print(renderable)


def show_lines(lines: Iterable[str]) -> None:
    """Plain lines on standard output."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def show_json(document: dict[str, Any]) -> None:
    """A JSON document on standard output; NaN in it is a defect and raises."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
