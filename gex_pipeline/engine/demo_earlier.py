"""The demo that was there before: set aside, put back or removed, so that a kill at any moment loses neither.

Where it waits says how far this has come:

    .earlier.tmp    names are being moved in or back: what of a demo lies outside is the earlier one's as well
    .earlier        all of the earlier one: what lies outside is a new one's, which is not whole
    .obsolete       the new one is whole, and this one can go
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gex_pipeline.store.layout import TEMPORARY

WAREHOUSE = "warehouse"
_FILES = ("archives.toml", "report.html", "backtest.html")
#: All that a demo makes.
MADE = ("archive", WAREHOUSE, *_FILES, *(name + TEMPORARY for name in _FILES))
_EARLIER, _OBSOLETE = ".earlier", ".obsolete"
_MOVING = _EARLIER + TEMPORARY
#: Where the demo before waits.
WAITING = (_MOVING, _EARLIER, _OBSOLETE)


def is_unfinished(out: Path) -> bool:
    """Whether what lies in the folder is a new demo that is not whole."""
    return (out / _EARLIER).is_dir()


def is_made(out: Path) -> bool:
    """Whether anything of a demo is there."""
    return any(os.path.lexists(out / name) for name in (*MADE, *WAITING))


def set_aside(out: Path) -> None:
    """Make room for a new demo."""
    (out / _MOVING).mkdir()
    for name in MADE:
        if os.path.lexists(out / name):
            (out / name).rename(out / _MOVING / name)
    (out / _MOVING).rename(out / _EARLIER)


def put_back(out: Path) -> None:
    """Let the earlier demo take its place again, unless the new one is whole; one of them is alone afterwards."""
    if is_unfinished(out):
        for name in MADE:
            _remove(out / name)
        (out / _EARLIER).rename(out / _MOVING)
    if (out / _MOVING).is_dir():
        for path in list((out / _MOVING).iterdir()):
            path.rename(out / path.name)
        (out / _MOVING).rmdir()
    remove(out)


def give_way(out: Path) -> None:
    """The new demo is whole: the one instant from which on it counts."""
    (out / _EARLIER).rename(out / _OBSOLETE)


def remove(out: Path) -> None:
    """Remove an earlier demo that has given way."""
    _remove(out / _OBSOLETE)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
