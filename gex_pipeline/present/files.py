"""Files that a reader asked for (`--out`, `--plot`): whole or not at all. Not: the warehouse's own files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from gex_pipeline.errors import GexError


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target and rename, so that nobody sees half a file; what was there before stays on failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise GexError(f"cannot write {path}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise GexError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
