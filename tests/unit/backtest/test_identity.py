"""What a run is named after: every value of its inputs, and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace

import polars as pl
import pytest

from gex_backtest.config import configure
from gex_backtest.history import History
from gex_backtest.identity import Origin, input_hashes
from tests.unit.backtest.drifts import history


def lists(values: list[list[float | None] | None]) -> pl.DataFrame:
    return pl.DataFrame({"strikes": values}, schema={"strikes": pl.List(pl.Float64)})


def hash_of(books: pl.DataFrame) -> str:
    return input_hashes(replace(history(), books=books))["books"]


def test_every_input_has_a_hash() -> None:
    assert set(input_hashes(history())) == {field.name for field in fields(History)} - {"underlying"}


def test_equal_values_have_one_hash_however_they_lie_in_memory() -> None:
    one, other = history(), history()
    parts = pl.concat([other.levels.head(10), other.levels.slice(10)], rechunk=False)
    masked = parts.with_columns(pl.when(pl.col("net_gex_usd") > 0).then("net_gex_usd"))
    nulls = one.levels.with_columns(pl.Series("net_gex_usd", [v if v > 0 else None for v in one.levels["net_gex_usd"]]))
    assert input_hashes(replace(one, levels=nulls)) == input_hashes(replace(other, levels=masked))


@pytest.mark.parametrize("name", ["net_gex_usd", "knowledge_time", "scope"])
def test_one_other_value_has_another_hash(name: str) -> None:
    one = history()
    column = one.levels[name]
    changed = one.levels.with_columns(
        pl.Series(name, [column[1], *column[1:]] if name != "scope" else ["odte", *column[1:]])
    )
    if name == "net_gex_usd":
        changed = one.levels.with_columns(pl.Series(name, [column[0] + 1, *column[1:]]))
    before, after = input_hashes(one), input_hashes(replace(one, levels=changed))
    assert {key for key in before if before[key] != after[key]} == {"levels"}


def test_a_bar_counts() -> None:
    one = history()
    other = replace(one, bars=one.bars[:-1])
    assert input_hashes(one)["bars"] != input_hashes(other)["bars"]


def test_where_a_list_ends_and_what_is_missing_counts() -> None:
    tables = [
        [[1.0, 2.0], [3.0]],
        [[1.0], [2.0, 3.0]],
        [[1.0, 2.0], [3.0], []],
        [[1.0, 2.0], [3.0], None],
        [[1.0, None], [3.0]],
        [[1.0, None, None], [3.0]],
    ]
    assert len({hash_of(lists(values)) for values in tables}) == len(tables)


def test_a_run_is_named_after_its_coin_and_all_hashes() -> None:
    one = Origin(configure(["regime"]), [{"venue": "okx"}], {"bars": "a", "levels": "b"}, "code")
    others = [
        replace(one, configuration=configure(["squeeze"])),
        replace(one, instruments=[{"venue": "bybit"}]),
        replace(one, inputs={"bars": "b", "levels": "a"}),
        replace(one, code_version="other"),
    ]
    assert one.run_id.startswith("BTC-")
    assert len({each.run_id for each in (one, *others)}) == 5
