"""The demo's first door: its history as archive files, each written and then read by `import`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
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
        for piece, imported in run_all(partial(fill, out, world, end), pieces):
            if isinstance(imported, GexError):
                raise imported
            must([*imported.failures, *imported.conflicts])
            n_files += imported.files
            progress.advance(note=piece.name)
    finally:
        progress.close()
    return n_files


def _list_archives(out: Path) -> None:
    """The mappings and the list of the files, as `gex import archives` and Dagster take it."""
    for venue in VENUES:
        (out / "archive" / venue).mkdir(parents=True)
        (out / "archive" / f"{venue}.toml").write_text(archive.mapping(venue), encoding="utf-8")
    listed = [_TICKS.format(venue=archive.TARDIS_VENUE), *(_ARCHIVE.format(venue=venue) for venue in VENUES)]
    (out / "archives.toml").write_text("\n".join(listed), encoding="utf-8")


def fill(out: Path, world: World, end: datetime, piece: archive.Piece) -> ImportSummary:
    """Write one file and import it."""
    folder = out / "archive"
    _write(folder, world, piece)
    mapping = None if piece.is_ticks else load_mapping(folder / f"{piece.venue}.toml")
    source = "tardis-options-chain" if piece.is_ticks else "chain"
    return import_files(out / "warehouse", source, [folder / piece.name], Options(mapping), clock=lambda: end)


def _write(folder: Path, world: World, piece: archive.Piece) -> None:
    rows = archive.rows(world, piece)
    if piece.is_ticks:
        (folder / piece.name).write_bytes(igzip.compress(rows.write_csv().encode()))
    else:
        rows.write_parquet(folder / piece.name)


def must(problems: Sequence[str]) -> None:
    """Raise ``GexError`` with the first problem."""
    if problems:
        raise GexError(f"the demo stopped: {problems[0]}")
