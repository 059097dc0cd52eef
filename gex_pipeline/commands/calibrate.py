"""The command that measures the backtests themselves: `calibrate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline.commands.arguments import Context
from gex_pipeline.commands.fill import Count
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import refuse_warehouse_files, require_folder, say, show, show_json
from gex_pipeline.errors import GexError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from gex_backtest.calibration.plan import Draw

#: Markets after which what is measured so far is written down.
_BATCH = 20


def calibrate(
    *,
    markets: Count | None = None,
    power: Count | None = None,
    out: Annotated[Path | None, Parameter(metavar="FILE.parquet")] = None,
    workers: Count | None = None,
    json: bool = False,
    context: Annotated[Context, Parameter(parse=False)],
) -> int:
    """How often each rule finds what is not there, and what is: on made-up markets, where the truth is known.

    Without options the table that comes with the package, of 1,000 markets without any effect and 200 of each size of
    effects. With --markets or --power they are drawn anew, about a second each on one core and four of the latter. All
    numbers are of SYNTHETIC markets.

    Parameters
    ----------
    markets
        Draw so many markets without an effect, at most 1,000.
    power
        Draw so many markets of each size of effects, at most 200.
    out
        Keep every market's numbers in this file, and go on where it ends.
    workers
        Processes at once. Default: one per core.
    json
        Print the tables as a JSON document.
    """
    from gex_backtest.calibration import plan, stored

    _check(markets, power, workers)
    if markets is None and power is None:
        if out:
            raise UsageError("--out keeps what is drawn: add --markets 1000 --power 200, or fewer")
        rows = stored.measured()
    else:
        rows = _drawn([*plan.null(markets or 0), *plan.power(power or 0)], out, workers)
    _show(rows, json)
    return 0


def _check(markets: int | None, power: int | None, workers: int | None) -> None:
    from gex_backtest.calibration.plan import NULL_SEEDS, POWER_SEEDS

    most = {"markets": (markets, len(NULL_SEEDS)), "power": (power, len(POWER_SEEDS)), "workers": (workers, 1024)}
    for name, (value, limit) in most.items():
        if value is not None and not 1 <= value <= limit:
            raise UsageError(f"--{name} {value} must be from 1 to {limit:,}")


def _drawn(draws: Sequence[Draw], out: Path | None, workers: int | None) -> pl.DataFrame:
    """Rows of the markets that are asked for; those in the file are not drawn again, the others are added to it."""
    import polars as pl

    from gex_backtest.calibration import stored

    found = [_kept(out)]
    done = set(zip(found[0]["seed"], found[0]["effect"], strict=True))
    todo = [draw for draw in draws if (draw.seed, draw.effect) not in done]
    try:
        for rows in _judged(todo, workers):
            found.append(rows)
            if out and len(found) % _BATCH == 0:
                stored.write(out, pl.concat(found))
    finally:
        if out:
            stored.write(out, pl.concat(found))
    wanted = pl.DataFrame(
        [(draw.seed, draw.effect) for draw in draws], {"seed": pl.Int64, "effect": pl.Float32}, orient="row"
    )
    return pl.concat(found).join(wanted, on=["seed", "effect"], how="semi")


def _judged(draws: Sequence[Draw], workers: int | None) -> Iterator[pl.DataFrame]:
    """Rows of each market as it is done."""
    from gex_backtest.calibration import stored
    from gex_backtest.calibration.judge import judged
    from gex_pipeline.engine.pool import run_all
    from gex_pipeline.present import progress

    hear_ctrl_c()
    shown = progress.for_stream()
    shown.start("markets", len(draws))
    try:
        for draw, rows in run_all(judged, draws, workers):
            if isinstance(rows, GexError):
                raise rows
            shown.advance(note=f"seed {draw.seed}, effects x {draw.effect:g}")
            yield stored.of_now(rows)
    finally:
        shown.close()


def _kept(out: Path | None) -> pl.DataFrame:
    """What a file holds already. Other code draws other numbers: they are not mixed."""
    from polars.exceptions import PolarsError

    from gex_backtest.calibration import stored

    if out is None:
        return stored.none()
    refuse_warehouse_files(out)
    require_folder("--out", out)
    try:
        rows = stored.read(out)
    except (OSError, PolarsError) as error:
        raise UsageError(f"--out {out} is there and is no calibration: choose another name") from error
    if not rows.is_empty() and rows["code"].unique().to_list() != [stored.version()]:
        raise UsageError(f"--out {out} was drawn by other code than this: choose another name")
    return rows


def _show(rows: pl.DataFrame, is_json: bool) -> None:
    from gex_backtest import summary
    from gex_backtest.calibration import stored, tables

    if is_json:
        show_json({"synthetic": True, "code": rows["code"].unique().sort().to_list(), **tables.document(rows)})
        return
    if rows["code"].unique().to_list() != [stored.version()]:
        say(f"measured with code {rows['code'][0]}, this is {stored.version()}")
    show("SYNTHETIC DATA: no market is real", "", summary.calibration(rows), is_wide=True)
