"""A run -> the tables of backtests and one JSON document, into the warehouse.

All of it is a function of the run, without a clock: the same run gives the same bytes. A run is there once its row in
`backtest_runs`, which holds the document, is: it is written last, and queries leave out rows of a run without it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from gex_backtest import rows
from gex_backtest.family import documents, family, q_values
from gex_backtest.identity import Origin
from gex_backtest.suite import Outcome, Results, daily_returns
from gex_backtest.verdicts import TOO_LITTLE_TO_SAY, power, verdict
from gex_pipeline.present.exports import plain
from gex_pipeline.schema import BACKTEST_RUNS, BACKTESTS
from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

_MAKERS = {
    "backtest_events": rows.events,
    "backtest_trades": rows.trades,
    "backtest_equity": rows.equity,
    "backtest_stats": rows.stats,
}
#: Table -> its file in a folder of a run, where the document has the row of `backtest_runs`.
FILES = {name: f"{name.removeprefix('backtest_')}.parquet" for name in _MAKERS}


@dataclass(frozen=True, eq=False)
class Record:
    """A run and what it is a function of."""

    results: Results
    origin: Origin

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.origin.run_id

    @cached_property
    def document(self) -> dict[str, Any]:
        """The run as JSON has it; events, trades and equity are in the tables alone."""
        asked = self.results.configuration
        return plain(
            {
                "run_id": self.run_id,
                "configuration": asked.document,
                "configuration_sha256": asked.sha256,
                "code_version": self.origin.code_version,
                "inputs_sha256": dict(self.origin.inputs),
                "instruments": [dict(each) for each in self.origin.instruments],
                "coverage": asdict(self.results.coverage),
                "family": asdict(family(daily_returns(self.results.bars, self.results.outcomes))),
                "outcomes": _outcomes(self.results.outcomes),
            }
        )

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Table -> its rows."""
        found = {
            name: [made for o in self.results.outcomes if (made := make(o, self.results.bars)) is not None]
            for name, make in _MAKERS.items()
        }
        found[BACKTEST_RUNS.name] = [self._row()]
        return {table.name: self._frame(table, found[table.name]) for table in BACKTESTS}

    def _frame(self, table: Table, parts: list[pl.DataFrame]) -> pl.DataFrame:
        schema = polars_schema(table)
        shared = {"run_id": self.run_id, "until_at": self.results.coverage.last_close_at}
        named = [part.with_columns(**{name: pl.lit(value) for name, value in shared.items()}) for part in parts]
        typed = [part.select(pl.col(name).cast(dtype) for name, dtype in schema.items()) for part in named]
        number = pl.col(pl.Float64)
        return pl.concat([pl.DataFrame(schema=schema), *typed]).with_columns(pl.when(number.is_finite()).then(number))

    def _row(self) -> pl.DataFrame:
        asked, covered = self.results.configuration, self.results.coverage
        row = {
            "underlying": asked.underlying,
            "from_at": covered.first_open_at,
            **{name: self.origin.instruments[0][name] for name in ("venue", "market", "symbol", "interval")},
            **{name: getattr(covered, name) for name in ("bars", "missing_bars", "snapshots", "level_share")},
            "rules": len(asked.rules),
            "variants": len(self.results.outcomes),
            "configuration_sha256": asked.sha256,
            "code_version": self.origin.code_version,
            "document": json.dumps(self.document, allow_nan=False),
        }
        return pl.DataFrame([row])


def store(root: Path, record: Record) -> None:
    """Write a run into a warehouse, in the place of the same run."""
    into, year = Store(root), f"{record.results.coverage.last_close_at:%Y}"
    made_of = {
        **record.origin.inputs,
        "configuration": record.results.configuration.sha256,
        "code": record.origin.code_version,
    }
    for table in BACKTESTS:
        into.replace(Partition(table.name, (("run_id", record.run_id),), year), record.frames[table.name], made_of)


def _said(outcome: Outcome) -> dict[str, Any]:
    """What the headline says, and how likely it would have found what is claimed."""
    if outcome.study is None:
        return {"verdict": TOO_LITTLE_TO_SAY, "power": None}
    headline, claimed = outcome.study.estimates[0], outcome.rule.claimed
    return {"verdict": verdict(headline, claimed), "power": power(headline, claimed)}


def _outcomes(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """All of them; the headlines of a run are one family of tests, in which one that variants share counts once."""
    tests = [(outcome.rule.name, outcome.study.estimates[0]) if outcome.study else None for outcome in outcomes]
    told = list(dict.fromkeys(test for test in tests if test))
    found = dict(zip(told, q_values([headline.p_value for _, headline in told]), strict=True))
    return [
        {**_outcome(outcome), "headline_q_value": found[test] if test else None}
        for outcome, test in zip(outcomes, tests, strict=True)
    ]


def _outcome(outcome: Outcome) -> dict[str, Any]:
    study, trading, record = outcome.study, outcome.trading, outcome.record
    return {
        "rule": outcome.rule.name,
        "hypothesis": outcome.rule.hypothesis,
        "claimed": outcome.rule.claimed,
        **_said(outcome),
        "variant": outcome.variant,
        "parameters": asdict(outcome.parameters),
        "status": outcome.status,
        "events": study.events.height if study else 0,
        "estimates": documents(study.estimates) if study else [],
        "paths": {name: path.to_dict(as_series=False) for name, path in study.paths.items()} if study else {},
        "trading_status": outcome.trading_status,
        "metrics": asdict(trading.metrics) if trading else None,
        "samples": asdict(trading.samples) if trading else None,
        "placebo_metrics": {kind: asdict(each.metrics) for kind, each in trading.placebos.items()} if trading else {},
        "track_record": asdict(record) if record else None,
    }
