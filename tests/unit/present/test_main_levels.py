"""A coin in one line: the terminal and the demo's page tell the same."""

from __future__ import annotations

import re

import polars as pl

from gex_pipeline.present import demo_report, tables
from tests.unit.present.test_tables import drawn


def lines(**answers) -> tuple[list[str], list[str]]:
    """The words of each coin on a terminal and on the page, without marks and brackets."""
    table = [" ".join(line.replace("*", "").split()) for line in drawn(tables.levels_now(answers), 120)[4:]]
    page = demo_report.levels_now(answers).partition("<tbody>")[2]
    rows = [" ".join(re.sub(r"<[^>]+>|[()]", " ", row).split()) for row in page.split("</tr>")[:-1]]
    return table, [row.removesuffix(" 1") for row in rows]  # the number of venues


def test_levels_with_their_distance_or_why_there_is_none(make_answer):
    answer = make_answer()
    is_resistance = pl.col("level") == "call_resistance"
    other = answer.levels.with_columns(
        value_usd=pl.when(~is_resistance).then("value_usd"),
        status=pl.when(is_resistance).then(pl.lit("none_positive")).otherwise("status"),
    )
    table, page = lines(BTC=answer, ETH=make_answer(levels=other), SOL=make_answer(levels=other.clear()))
    assert table == page
    assert table == [
        "BTC 100 +32.0 97.50 -2.5 % 110 +10.0 % 90 -10.0 %",
        "ETH 100 +32.0 97.50 -2.5 % none_positive 90 -10.0 %",
        "SOL 100",
    ]
