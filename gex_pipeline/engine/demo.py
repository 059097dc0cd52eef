"""`gex demo`: the whole job on synthetic chains, without network or data of anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gex_pipeline.engine.answers import answer
from gex_pipeline.engine.build import BuildSummary, build
from gex_pipeline.engine.imports import ImportSummary, import_files
from gex_pipeline.engine.progress import Progress
from gex_pipeline.errors import GexError
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.market import archive
from gex_pipeline.present.answer import Answer
from gex_pipeline.store.partitions import Store

#: The demo always shows the same days, so that its numbers can be compared.
START = datetime(2026, 1, 5, tzinfo=UTC)
SEED = 1
#: What Dagster imports when it runs on the demo (GEX_ARCHIVES).
_ARCHIVES = """# The demo's archive, for `gex import archives` and Dagster.
[[archive]]
source = "chain"
files = "archive/*.csv"
mapping = '{mapping}'
"""


@dataclass(frozen=True)
class Demo:
    """Where the demo's warehouse and pictures are, and what it found at the end of its days."""

    warehouse: Path
    pictures: list[Path]
    imported: ImportSummary
    built: BuildSummary
    answer: Answer


def run(out: Path, n_days: int, progress: Progress) -> Demo:
    """Write archive files, import them, build, answer and draw, all below ``out``.

    Running it again adds nothing and shows the same. Raises ``GexError`` when a step fails.
    """
    warehouse, files = out / "warehouse", out / "archive"
    Store(warehouse).create("synthetic")
    files.mkdir(parents=True, exist_ok=True)
    for name, rows in archive.days(START, n_days, SEED).items():
        rows.write_csv(files / name)
    (out / "archives.toml").write_text(_ARCHIVES.format(mapping=archive.mapping_path()), encoding="utf-8")
    options = Options(load_mapping(archive.mapping_path()))
    imported = import_files(warehouse, "chain", [files], options, progress=progress)
    built = build(warehouse, progress=progress)
    problems = [*imported.failures, *imported.conflicts, *built.failures]
    if problems:
        raise GexError(f"the demo stopped: {problems[0]}")
    end = START + timedelta(days=n_days) - timedelta(hours=1)
    found = answer(Store(warehouse), "BTC", at=end)
    return Demo(warehouse, _draw(found, out), imported, built, found)


def _draw(found: Answer, out: Path) -> list[Path]:
    from gex_pipeline.present import plots
    from gex_pipeline.present.plot_style import save_png

    figures = {
        "strikes.png": plots.strike_profile(found),
        "gamma-profile.png": plots.gamma_profile(found),
        "heatmap.png": plots.heatmap(found),
    }
    for name, figure in figures.items():
        save_png(figure, out / name)
    return [out / name for name in figures]
