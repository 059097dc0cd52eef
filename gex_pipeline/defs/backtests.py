"""The rules confronted with what is stored of each coin: a run in the tables of backtests, a page, and a preview.

Annotations are evaluated here: Dagster compares their classes, not their names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, AssetKey, Failure, MaterializeResult, MetadataValue, multi_asset

from gex_pipeline.defs.resources import Exchanges, Places
from gex_pipeline.defs.specs import CHAINS, stored
from gex_pipeline.errors import GexError
from gex_pipeline.schema import BACKTEST_RUNS, BACKTESTS

_READ = ("levels_wide", "implied_vol", "max_pain", "candles", "funding", "settlements", "dvol")
_DEPS = [*CHAINS, *map(AssetKey, _READ)]
_SPECS = {table.name: stored(table.name, "backtests", deps=_DEPS) for table in BACKTESTS}


@multi_asset(name="confront_rules", specs=list(_SPECS.values()))
def backtests(context: AssetExecutionContext, places: Places, exchanges: Exchanges) -> Iterator[MaterializeResult[Any]]:
    """Run the rules on each coin. One of which too little is stored does not stop the others."""
    found, lacking = [], []
    for coin in exchanges.underlyings:
        try:
            found.append(_confronted(places.root, coin, Path(context.instance.storage_directory())))
        except GexError as error:
            lacking.append(f"{coin}: {error}")
    if not found:
        raise Failure("\n".join(lacking), allow_retries=False)
    for line in lacking:
        context.log.warning(line)
    for name, spec in _SPECS.items():
        shown = {key: value for _, of_coin in found for key, value in of_coin.items()}
        rows = sum(heights[name] for heights, _ in found)
        yield MaterializeResult(
            spec.key, metadata={"dagster/row_count": rows, **(shown if name == BACKTEST_RUNS.name else {})}
        )


def _confronted(root: Path, coin: str, folder: Path) -> tuple[dict[str, int], dict[str, MetadataValue[Any]]]:
    """Rows of each table of a coin's run, and what the asset's page shows of it; its own page is in the folder."""
    from gex_backtest.config import configure
    from gex_backtest.report import glance
    from gex_backtest.report.page import report
    from gex_backtest.stored import confront, read
    from gex_pipeline.present.files import write_atomically
    from gex_pipeline.store.marker import is_synthetic

    configuration = configure(given={"underlying": coin})
    history, instruments = read(root, configuration)
    record = confront(root, configuration, history, instruments)
    outcomes, is_made_up = record.results.outcomes, is_synthetic(root)
    page = folder / "backtests" / f"{coin}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, report(record, history, is_synthetic=is_made_up, has_pictures=False)["report.html"])
    shown = {
        f"{coin} verdicts": MetadataValue.md(glance.verdicts(outcomes)),
        f"{coin} headlines": MetadataValue.md(glance.picture(outcomes, is_made_up)),
        f"{coin} report": MetadataValue.path(str(page)),
    }
    return {name: frame.height for name, frame in record.frames.items()}, shown
