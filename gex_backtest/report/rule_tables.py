"""The tables of one rule: its parameters, its estimates, what trading on it came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from gex_backtest import words
from gex_backtest.report.tables import form, named, numbers
from gex_backtest.results import Record
from gex_backtest.samples import FIRST, GAP_DAYS, Sample
from gex_backtest.study import OK
from gex_backtest.suite import Outcome, Trading
from gex_pipeline.present import text
from gex_pipeline.present.page import folded, paragraph, subheading, table

_ESTIMATES = ["estimate", "value", "95 %", "p-value", "n", "error", "detectable", "method"]
_SAMPLES = ["variant", *(f"{part}: {what}" for part in ("in", "out") for what in ("Sharpe", "net return", "trades"))]
_TRADING = ["variant", "net return", "Sharpe", "drawdown", "trades", "exposure", "costs", "funding", "break-even"]


def parameters(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A row per variant; many are folded."""
    asked = [asdict(outcome.parameters) for outcome in outcomes]
    if not asked[0]:
        return
    rows = [[str(o.variant), *map(words.toml, these.values())] for o, these in zip(outcomes, asked, strict=True)]
    made = table(["variant", *asked[0]], rows)
    yield made if len(rows) == 1 else folded(f"Parameters of {len(rows):,} variants", made)


def estimates(record: Record, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The headline of each variant, then all its estimates, folded."""
    stats = _of_rule(record, outcomes[0].rule.name, "estimate")
    yield from (paragraph(status) for status in _reasons([outcome.status for outcome in outcomes]))
    if stats.is_empty():
        return
    yield _estimates(stats.filter(pl.col("place") == 1), has_variants=len(outcomes) > 1)
    for outcome in outcomes:
        mine = stats.filter(pl.col("variant") == outcome.variant)
        of = f" of variant {outcome.variant}" if len(outcomes) > 1 else ""
        yield folded(f"All {mine.height:,} estimates{of}", _estimates(mine))


def _of_rule(record: Record, rule: str, kind: str) -> pl.DataFrame:
    stats = record.frames["backtest_stats"]
    return stats.filter(pl.col("rule") == rule, pl.col("kind") == kind).sort("variant", "place")


def _reasons(statuses: Sequence[str]) -> list[str]:
    """Why something was not worked out, each reason once."""
    return [status for status in dict.fromkeys(statuses) if status != OK]


def _estimates(stats: pl.DataFrame, has_variants: bool = False) -> str:
    has_q = stats["q_value"].is_not_null().any()
    columns = [*_ESTIMATES[:4], *(["q-value"] if has_q else []), *_ESTIMATES[4:]]
    rows = [_estimate(row | {"group": row["sample"]}, has_q) for row in stats.iter_rows(named=True)]
    if has_variants:
        columns = ["variant", *columns]
        rows = [[str(variant), *row] for variant, row in zip(stats["variant"], rows, strict=True)]
    return table(columns, rows, [columns.index("estimate"), len(columns) - 1])


def _estimate(row: dict[str, Any], has_q: bool) -> list[str]:
    value, interval, p_value, n = numbers(row)
    q_value = [form(row["q_value"], ".2g")] if has_q else []
    sizes = [form(row["standard_error"], ".3g"), form(row["detectable"], ".3g")]
    return [named(row), value, interval, p_value, *q_value, n, *sizes, row["method"]]


def trading(record: Record, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A row per variant that was simulated; all metrics, folded."""
    yield from (paragraph(status) for status in _reasons([outcome.trading_status for outcome in outcomes]))
    traded = [(outcome, outcome.trading) for outcome in outcomes if outcome.trading]
    if not traded:
        return
    yield from map(paragraph, words.sized(record.results.configuration.sizing))
    yield table(_TRADING, [_traded(outcome, found, words.mark(outcome)) for outcome, found in traded])
    yield from map(paragraph, words.too_short(outcomes))
    yield from _samples(traded)
    yield from _placebos(traded)
    metrics = _of_rule(record, outcomes[0].rule.name, "metric")
    marks = {("sharpe", outcome.variant): words.mark(outcome) for outcome in outcomes}
    rows = [
        [name, str(variant), numbers(row)[0] + marks.get((name, variant), ""), row["unit"]]
        for row in metrics.iter_rows(named=True)
        for name, variant in [(row["name"], row["variant"])]
    ]
    yield folded("All metrics", table(["metric", "variant", "value", "unit"], rows, [3]))


def _samples(traded: Sequence[tuple[Outcome, Trading]]) -> Iterator[str]:
    """What a variant would have been chosen by, and what it came to after that."""
    yield subheading(f"In-sample, the first {100 * FIRST:.0f} %, and out-of-sample, the rest after {GAP_DAYS} days")
    rows = [[str(o.variant), *_sample(t.samples.first), *_sample(t.samples.last)] for o, t in traded]
    yield table(_SAMPLES, rows)
    known = [(outcome, found.samples) for outcome, found in traded if np.isfinite(found.samples.first.sharpe)]
    if len(traded) > 1 and known:
        best, found = max(known, key=lambda each: each[1].first.sharpe)
        then = f"{words.finite(found.first.sharpe, '.2f')}, then {words.finite(found.last.sharpe, '.2f')}"
        yield paragraph(f"Best of {len(traded):,} in-sample: variant {best.variant}, Sharpe {then} out-of-sample.")


def _sample(found: Sample) -> list[str]:
    return [words.finite(found.sharpe, ".2f"), text.percent(found.total_return), f"{found.n_trades:,}"]


def _placebos(traded: Sequence[tuple[Outcome, Trading]]) -> Iterator[str]:
    """What the same orders came to at levels that are none."""
    rows = [
        [str(o.variant), kind.removeprefix("placebo: "), *_traded(o, each, "")[1:]]
        for o, found in traded
        for kind, each in found.placebos.items()
    ]
    if rows:
        yield folded("The same on placebo levels", table([_TRADING[0], "placebo", *_TRADING[1:]], rows, [1]))


def _traded(outcome: Outcome, trading: Trading, mark: str) -> list[str]:
    found = trading.metrics
    sharpe = words.finite(found.sharpe, ".2f") + mark
    returns = [text.percent(found.total_return), sharpe, text.percent(found.max_drawdown)]
    held = [f"{found.n_trades:,}", f"{found.exposure:.0%}".replace("%", " %")]
    paid = [text.percent(-found.fees - found.spread_and_slippage), text.percent(-found.funding)]
    return [str(outcome.variant), *returns, *held, *paid, words.finite(found.break_even_bps, ".1f", " bps")]
