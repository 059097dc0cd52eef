"""Where words go: data to standard output, messages to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rich.console import Console, RenderableType

from gex_pipeline.errors import UsageError, printable

#: Tables fit into this; on a narrower terminal their lines wrap, as a number that is cut is worse than one that wraps.
_WIDTH = 80


def say(message: str) -> None:
    """One line for the person at the terminal."""
    sys.stderr.write(f"gex: {printable(message)}\n")


def say_all(messages: Iterable[str]) -> bool:
    """One line each; whether there was any."""
    lines = list(messages)
    for line in lines:
        say(line)
    return bool(lines)


def refuse_warehouse_files(path: Path) -> None:
    """Raise ``UsageError`` for an output file inside a warehouse, where only `import` and `build` write."""
    from gex_pipeline.store.layout import MARKER

    for folder in path.resolve().parents:
        if (folder / MARKER).exists():
            raise UsageError(f"{path} lies inside the warehouse {folder}: choose another place")


def require_folder(option: str, file: Path) -> None:
    """Raise ``UsageError`` for a file that cannot be written: now, not when everything is worked out."""
    if not file.resolve().parent.is_dir() or file.is_dir():
        raise UsageError(f"{option} {file} cannot be written: name a file in a folder that exists")
    require_room(option, file, file.resolve().parent)


def require_room(option: str, path: Path, folder: Path) -> None:
    """A file can be made in the folder: permissions alone do not tell of a disk that is read-only."""
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{option} {path} cannot be written: {error.strerror}; choose another place") from error


def show(*renderables: RenderableType, is_wide: bool = False) -> None:
    """Tables and text on standard output; a wide one takes the room it needs, and the terminal wraps its lines."""
    console = Console(file=sys.stdout, highlight=False, markup=False)
    console.width = max(console.width, _WIDTH)
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
