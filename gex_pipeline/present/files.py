"""Files that a reader asked for (`--out`, `--plot`): whole or not at all. Not: the warehouse's own files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from gex_pipeline.errors import GexError


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target and rename, so that nobody sees half a file; what was there before stays on failure.

    A link is followed. A device or a pipe is written into: a rename would replace it by a file.
    """
    try:
        target = path.resolve()
        if not target.parent.is_dir():
            raise GexError(f"cannot write {path}: the folder {target.parent} does not exist")
        if target.exists() and not target.is_file():
            target.write_bytes(content)
        else:
            _replace(target, content)
    except OSError as error:
        raise GexError(f"cannot write {path}: {error.strerror or error}") from error


def _replace(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
