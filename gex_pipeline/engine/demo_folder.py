"""The folder of a demo: its own, whole or not at all.

An earlier demo is moved aside within the folder until the new one is whole, and comes back if that fails. So there has
to be room for both; and a new one is made where it stays, as its manifests name its files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gex_pipeline.errors import GexError, UsageError
from gex_pipeline.schema.chain import SYNTHETIC
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.objects import undisturbed

#: Says that a folder is a demo's, so that a new one may take its place.
_MARK = "SYNTHETIC.txt"
_WORDS = "Made up by `gex demo`: no market's prices. A new demo replaces everything in this folder.\n"
_WAREHOUSE = "warehouse"
#: All that a demo makes, and where the one before waits.
_MADE = ("archive", "archives.toml", _WAREHOUSE, "report.html")
_EARLIER = ".earlier"
#: Megabytes of a demo: a day of it, and what does not grow with the days. Measured: 211 + 523 MB in 90 days.
_MB_A_DAY, _MB = 8.5, 40.0


@contextmanager
def new_folder(out: Path, days: int) -> Generator[None]:
    """A folder for a demo of some days; if the block fails or is interrupted, it is as it was before.

    Raises ``UsageError`` for a folder that has something else in it, ``GexError`` where there is no room or no
    permission to write.
    """
    _check(out)
    _check_room(out, days)
    missing = [folder for folder in (out, *out.absolute().parents) if not folder.exists()]
    try:
        with undisturbed():
            _set_aside(out)
        yield
    except BaseException:
        with undisturbed():
            _put_back(out)
            _remove_empty(missing)
        raise
    with undisturbed():
        _remove(out / _EARLIER)


def _check(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is no folder")
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and _MARK not in there:
        raise UsageError(f"--out {out} is not empty and no demo: choose a folder that a demo may fill")
    if foreign := sorted(there - {*_MADE, _MARK, _EARLIER}):
        raise UsageError(f"--out {out} has {foreign[0]!r}, which is no demo's: move it away or choose another folder")
    if _WAREHOUSE in there and not _is_made_up(out / _WAREHOUSE):
        raise UsageError(f"--out {out} has a warehouse that is no demo's: move it away or choose another folder")


def _is_made_up(warehouse: Path) -> bool:
    """Whether its marker says so."""
    try:
        return json.loads((warehouse / MARKER).read_bytes())["kind"] == SYNTHETIC
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _check_room(out: Path, days: int) -> None:
    there = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    needed, free = _MB + _MB_A_DAY * days, shutil.disk_usage(there).free / 1e6
    if free < needed:
        instead = "delete the demo that is there, or ask for fewer --days" if (out / _MARK).exists() else "fewer --days"
        raise GexError(f"a demo of {days} days needs {needed:,.0f} MB in {out}, which has {free:,.0f}: {instead}")


def _set_aside(out: Path) -> None:
    """Move what an earlier demo has made out of the way."""
    try:
        _put_back(out)  # a demo may have been killed
        out.mkdir(parents=True, exist_ok=True)
        (out / _MARK).write_text(_WORDS, encoding="utf-8")
        (out / _EARLIER).mkdir()
        for name in _MADE:
            if (out / name).exists():
                (out / name).rename(out / _EARLIER / name)
    except OSError as error:
        raise GexError(f"cannot make a demo in {out}: {error.strerror or error}") from error


def _put_back(out: Path) -> None:
    """Let what an earlier demo has made take its place again; where there was none, nothing stays."""
    if not (out / _EARLIER).is_dir():
        return
    for name in _MADE:
        _remove(out / name)
    earlier = list((out / _EARLIER).iterdir())
    for path in earlier:
        path.rename(out / path.name)
    (out / _EARLIER).rmdir()
    if not earlier:
        (out / _MARK).unlink()


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # it was never made, or somebody uses it meanwhile
            folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
