"""The folder of a demo: its own, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from gex_pipeline.errors import GexError, UsageError

#: Says that a folder is a demo's, so that a new one may take its place.
_MARK = "SYNTHETIC.txt"
_WORDS = "Made up by `gex demo`: no market's prices. A new demo replaces everything in this folder.\n"
#: Megabytes of a demo: a day of it, and what does not grow with the days. Measured: 211 + 523 MB in 90 days.
_MB_A_DAY, _MB = 8.5, 40.0


@contextmanager
def new_folder(out: Path, days: int) -> Generator[None]:
    """An empty folder for a demo of some days; what is made in it goes again if the block fails or is interrupted.

    Raises ``UsageError`` for a folder that has something else in it, ``GexError`` where there is no room or no
    permission to write.
    """
    _check(out)
    try:
        was_there = out.is_dir()
        _check_room(out, days)
        _clear(out)
        out.mkdir(parents=True, exist_ok=True)
        (out / _MARK).write_text(_WORDS, encoding="utf-8")
    except OSError as error:
        raise GexError(f"cannot make a demo in {out}: {error.strerror or error}") from error
    try:
        yield
    except BaseException:
        _clear(out)
        if not was_there:
            out.rmdir()
        raise


def _check(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is no folder")
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise UsageError(f"--out {out} is not empty and no demo: choose a folder that a demo may fill")


def _check_room(out: Path, days: int) -> None:
    there = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    needed, free = _MB + _MB_A_DAY * days, shutil.disk_usage(there).free / 1e6
    if free < needed:
        raise GexError(f"a demo of {days} days needs {needed:,.0f} MB in {out}, which has {free:,.0f}: fewer --days")


def _clear(out: Path) -> None:
    """Remove what is in the folder, the mark last: until then it is a demo's."""
    if not out.is_dir():
        return
    for path in sorted(out.iterdir(), key=lambda p: p.name == _MARK):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
