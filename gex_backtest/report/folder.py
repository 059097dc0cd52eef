"""The folder of a run (`--out`): its tables, its document, its page with the pictures, and nothing of an earlier run.

`run.json` of an earlier run goes first and that of this one comes last: a folder without it is of a run whose writing
was stopped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import gex_backtest.rules as registry
from gex_backtest.report.pictures import KINDS
from gex_backtest.results import FILES, Record
from gex_pipeline.errors import GexError
from gex_pipeline.present.exports import parquet
from gex_pipeline.present.files import write_atomically

DOCUMENT, PAGE = "run.json", "report.html"


def write(folder: Path, record: Record, files: Mapping[str, bytes]) -> None:
    """Write a run, with the ``files`` of its page, in the place of the one before. Raises ``GexError``."""
    new = {file: parquet(record.frames[name]) for name, file in FILES.items()} | dict(files)
    _remove(folder / DOCUMENT)
    for path in _of_runs(folder):
        if path.name not in new:
            _remove(path)
    for name, content in new.items():
        write_atomically(folder / name, content)
    write_atomically(folder / DOCUMENT, (json.dumps(record.document, indent=1, allow_nan=False) + "\n").encode())


def obstacles(folder: Path) -> Iterator[Path]:
    """What has the name of a run's file and is none: a folder, a pipe."""
    return (path for path in _of_runs(folder) if path.exists() and not path.is_file())


def _of_runs(folder: Path) -> list[Path]:
    """What is named like a file that a run writes, or like one that was not finished."""
    pictures = rf"(?:{'|'.join(map(re.escape, registry.RULES))})_(?:{'|'.join(KINDS)})\.(?:png|svg)"
    name = rf"(?:{'|'.join(map(re.escape, (DOCUMENT, PAGE, *FILES.values())))}|{pictures})"
    either = re.compile(rf"{name}|\.{name}\.[a-z0-9_]{{8}}")
    return sorted(path for path in folder.iterdir() if either.fullmatch(path.name))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise GexError(f"cannot remove {path}, which is of an earlier run: {error.strerror}") from error
