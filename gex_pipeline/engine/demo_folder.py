"""The folder of a demo: its own, whole or not at all.

An earlier demo waits in the folder until the new one is whole (demo_earlier.py). So there has to be room for both; and
a new one is made where it stays, as its manifests name its files.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gex_pipeline.engine import demo_earlier as earlier
from gex_pipeline.errors import GexError, UsageError
from gex_pipeline.schema.chain import SYNTHETIC
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.objects import undisturbed

LEAST_DAYS = 2
#: Says that a folder is a demo's, so that a new one may take its place; it is locked while one is made.
_MARK = "SYNTHETIC.txt"
_WORDS = b"Made up by `gex demo`: no market's prices. A new demo replaces everything in this folder.\n"
#: Megabytes of a demo: a day of it, and what does not grow with the days. Measured: 211 + 523 MB in 90 days.
_MB_A_DAY, _MB = 8.5, 40.0


@contextmanager
def new_folder(out: Path, days: int) -> Generator[None]:
    """A folder for a demo of some days; if the block fails or is interrupted, it is as it was before.

    Raises ``UsageError`` for a folder that has something else in it, ``GexError`` where another demo is being made,
    where there is no room or no permission to write, and where all is well but the earlier demo cannot be removed.
    """
    with _told(out):
        _require_fillable(out)
        missing = [folder for folder in (out, *out.absolute().parents) if not folder.exists()]
    try:
        with _alone(out):
            _require_only_a_demo(out)
            with _in_the_place_of_the_earlier(out, days):
                yield
    finally:
        _remove_empty(missing)


@contextmanager
def _alone(out: Path) -> Generator[None]:
    """Hold the folder against other demos; its mark goes where nothing was made."""
    with _told(out):
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / _MARK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _is_locked(handle, out / _MARK):
            raise GexError(f"another `gex demo` is at work in {out}: wait for its end or choose another --out")
        try:
            with _told(out):
                os.pwrite(handle, _WORDS, 0)
            yield
        finally:
            if not earlier.is_made(out):
                (out / _MARK).unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is_locked(handle: int, mark: Path) -> bool:
    """Not where another demo holds it, or has held and removed it meanwhile."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), mark.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


@contextmanager
def _in_the_place_of_the_earlier(out: Path, days: int) -> Generator[None]:
    try:
        with undisturbed(), _told(out):
            earlier.put_back(out)  # a demo may have been killed
            _require_removable(out)
            _require_room(out, days)
            earlier.set_aside(out)
        yield
        with _told(out):
            earlier.give_way(out)
    except BaseException:
        with undisturbed(), _told(out):
            earlier.put_back(out)
        raise
    with undisturbed(), _told(out, f"the new demo in {out} is whole, but the one before cannot be removed"):
        earlier.remove(out)


def _require_fillable(out: Path) -> None:
    if out.is_symlink() and not out.exists():
        raise UsageError(f"--out {out} is a link to {out.readlink()}, which is not there: make that folder first")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is no folder")
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and _MARK not in there:
        raise UsageError(f"--out {out} is not empty and no demo: choose a folder that a demo may fill")


def _require_only_a_demo(out: Path) -> None:
    there = {path.name for path in out.iterdir()}
    if foreign := sorted(there - {*earlier.MADE, *earlier.WAITING, _MARK}):
        raise UsageError(f"--out {out} has {foreign[0]!r}, which is no demo's: move it away or choose another folder")
    if earlier.WAREHOUSE in there and not _is_made_up(out):
        raise UsageError(f"--out {out} has a warehouse that is no demo's: move it away or choose another folder")


def _is_made_up(out: Path) -> bool:
    """Whether the warehouse says so; a demo may have been killed before it could."""
    try:
        return json.loads((out / earlier.WAREHOUSE / MARKER).read_bytes())["kind"] == SYNTHETIC
    except FileNotFoundError:
        return earlier.is_unfinished(out)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _require_removable(out: Path) -> None:
    """Raise ``GexError`` now for what would be noticed once the new demo is whole."""
    for folder, _, _ in os.walk(out):
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise GexError(f"no permission to remove the demo that is there: allow writing in {folder}")


def _require_room(out: Path, days: int) -> None:
    needed, free = _MB + _MB_A_DAY * days, shutil.disk_usage(out).free / 1e6
    ways = ["delete the demo that is there"] * earlier.is_made(out) + ["ask for fewer --days"] * (days > LEAST_DAYS)
    if free < needed:
        ways = ", or ".join(["free some room", *ways])
        raise GexError(f"a demo of {days} days needs {needed:,.0f} MB in {out}, which has {free:,.0f}: {ways}")


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # it was never made, or somebody uses it
            folder.rmdir()


@contextmanager
def _told(out: Path, what: str = "") -> Generator[None]:
    """The answers of the machine in one line."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        way = "free some room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another --out"
        said = what or f"cannot make a demo in {out}"
        raise GexError(f"{said}: {error.strerror or error}{where}: {way}") from error
