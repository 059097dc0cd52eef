"""The demo's first door: its history as archive files, each written and then read by `import`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path

from isal import igzip

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.imports import ImportSummary, import_files
from gex_pipeline.engine.pool import run_all
from gex_pipeline.engine.progress import Progress
from gex_pipeline.errors import GexError
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.market import archive
from gex_pipeline.market.world import World
from gex_pipeline.store.objects import LocalObjects

#: What Dagster imports when it runs on the demo (GEX_ARCHIVES).
_ARCHIVE = """[[archive]]
source = "chain"
files = "archive/{venue}/*.parquet"
mapping = "archive/{venue}.toml"
"""
_TICKS = """[[archive]]
source = "tardis-options-chain"
files = "archive/*.csv.gz"
venue = "{venue}"
"""


def import_archives(out: Path, world: World, hours: int, end: datetime, progress: Progress) -> int:
    """Write and import the files of the first hours, a few at a time, at the ``end`` of the demo's days.

    Returns how many files were read. Raises ``GexError`` for the first that was not read whole.
    """
    _list_archives(out)
    pieces, n_files = archive.pieces(world, hours), 0
    progress.start("archive files", len(pieces))
    try:
        with closing(run_all(partial(fill, out, world, end), pieces)) as filled:
            for piece, imported in filled:
                n_files += _read(imported)
                progress.advance(note=piece.name)
    finally:
        progress.close()
    return n_files


def _read(imported: ImportSummary | GexError) -> int:
    if isinstance(imported, GexError):
        raise imported
    must([*imported.failures, *imported.conflicts])
    return imported.files


def _list_archives(out: Path) -> None:
    """The mappings and the list of the files, as `gex import archives` and Dagster take it."""
    files = LocalObjects(out)
    for venue in VENUES:
        files.write(f"archive/{venue}.toml", archive.mapping(venue).encode())
    listed = [_TICKS.format(venue=archive.TARDIS_VENUE), *(_ARCHIVE.format(venue=venue) for venue in VENUES)]
    files.write("archives.toml", "\n".join(listed).encode())


def fill(out: Path, world: World, end: datetime, piece: archive.Piece) -> ImportSummary:
    """Write one file and import it."""
    folder = out / "archive"
    _write(folder, world, piece)
    mapping = None if piece.is_ticks else load_mapping(folder / f"{piece.venue}.toml")
    source = "tardis-options-chain" if piece.is_ticks else "chain"
    return import_files(out / "warehouse", source, [folder / piece.name], Options(mapping), clock=lambda: end)


def _write(folder: Path, world: World, piece: archive.Piece) -> None:
    rows, data = archive.rows(world, piece), BytesIO()
    if piece.is_ticks:
        data.write(igzip.compress(rows.write_csv().encode(), mtime=0))  # the same rows give the same bytes
    else:
        rows.write_parquet(data)
    LocalObjects(folder).write(piece.name, data.getvalue())


def must(problems: Sequence[str]) -> None:
    """Raise ``GexError`` with the first problem."""
    if problems:
        raise GexError(f"the demo stopped: {problems[0]}")
