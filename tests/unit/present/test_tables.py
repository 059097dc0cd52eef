"""Tables in 80 columns: what is missing shows its status, what is left out is said."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from rich.console import Console, RenderableType

from gex_pipeline.commands.arguments import INCLUDES
from gex_pipeline.engine.build import BuildSummary
from gex_pipeline.engine.gaps import Gap
from gex_pipeline.engine.imports import ImportSummary
from gex_pipeline.engine.status import Status, StatusRow
from gex_pipeline.present import documents, summaries, tables
from gex_pipeline.present import status as shown
from gex_pipeline.present.tables import bundle_table, heatmap_table, levels_table, profile_table


def drawn(renderable: RenderableType, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    file: Any = console.file
    return [line.rstrip() for line in file.getvalue().splitlines()]


def line_of(lines: list[str], start: str) -> str:
    return " ".join(next(line for line in lines if line.strip().startswith(start)).split())


def test_levels_fit_80_columns_uncut(make_answer):
    answer = make_answer()
    wide = answer.levels.with_columns(
        value_usd=pl.lit(123_456.0), strength_usd=pl.lit(-1.234e6), status=pl.lit("multiple")
    ).with_columns(value_usd=pl.when(pl.col("level").str.contains("net")).then(None).otherwise("value_usd"))
    wide = wide.with_columns(
        status=pl.when(pl.col("value_usd").is_null()).then(pl.lit("none_negative")).otherwise("status")
    )
    lines = drawn(levels_table(make_answer(levels=wide, spot_usd=75_000.0), INCLUDES))
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_levels_show_distance_strength_and_status(make_answer):
    lines = drawn(levels_table(make_answer()))
    assert line_of(lines, "zero_gamma") == "zero_gamma 97.50* -2.5 % none_positive"
    assert line_of(lines, "put_support ") == "put_support 90 -10.0 % -50.0 90 -10.0 %"
    assert line_of(lines, "zero_dte_magnet") == "zero_dte_magnet empty"
    assert line_of(lines, "*").startswith("* more than one crossing")


def test_of_what_nothing_is_known_the_cell_is_empty(partly_known):
    lines = drawn(profile_table(partly_known))
    assert line_of(lines, "90") == "90 2.00 2.00 11.0 130"
    assert line_of(lines, "80") == "80 0 9.00"
    assert "net GEX +89.0 USD" in lines[1]
    assert line_of(drawn(heatmap_table(partly_known)), "90") == "90 2.00"


def test_where_nothing_is_known_there_is_no_total(unknown):
    for table in (profile_table(unknown), heatmap_table(unknown)):
        assert "net GEX" not in "\n".join(drawn(table))


def test_headline_tells_what_and_when_and_marks_stale_and_synthetic(make_answer):
    plain = drawn(tables.headline(make_answer(), 32.0))
    assert plain == [
        "BTC  2026-03-17 16:00 UTC  deribit",
        "spot 100 USD  net GEX +32.0 USD per 1 % move  signs naive  age 1 min 30 s",
    ]
    marked = drawn(tables.headline(make_answer(is_stale=True, is_synthetic=True), None))
    assert marked[0].endswith("STALE  SYNTHETIC")
    assert "net GEX" not in marked[1]


def test_profile_headline_is_the_net_of_what_is_shown(make_answer):
    assert "net GEX +19.0 USD" in drawn(profile_table(make_answer(), "odte"))[1]
    assert "net GEX +32.0 USD" in drawn(profile_table(make_answer()))[1]


def test_profile_leaves_far_strikes_out_and_says_so(make_answer):
    lines = drawn(profile_table(make_answer()))
    assert [line.split()[0] for line in lines[5:10]] == ["110", "100", "100", "90", "80"]
    assert line_of(lines, "110").split()[1:4] == ["90.0", "-7.00", "83.0"]
    assert "1 more strike: see --json" in lines


def test_profile_puts_spot_among_the_strikes(make_answer):
    lines = drawn(profile_table(make_answer(spot_usd=104.0)))
    assert [line.split()[:2] for line in lines[6:8]] == [["104", "spot"], ["100", "30.0"]]


def test_heatmap_shows_nearest_expiries(make_answer):
    lines = drawn(heatmap_table(make_answer(), columns=1))
    assert line_of(lines, "strike") == "strike 18MAR26"
    assert line_of(lines, "110") == "110 38.0"
    assert "1 more expiry: see --json" in lines


def test_tables_of_an_empty_scope_do_not_fail(make_answer):
    answer = make_answer(exposure=make_answer().exposure.clear(), candles=None)
    assert drawn(profile_table(answer))
    assert drawn(heatmap_table(answer))


def test_bundle_has_a_line_per_underlying(make_answer):
    answer = make_answer(is_stale=True)
    document = documents.levels_document(answer, set(), answer.snapshot_at, "id")
    lines = drawn(bundle_table({"BTC": document}))
    assert line_of(lines, "BTC") == "BTC 100 97.50 empty 110 90 1 min 30 s STALE"


AT = datetime(2026, 3, 17, 16, tzinfo=UTC)


def status_row(**changes: Any) -> StatusRow:
    fields = {
        "underlying": "BTC",
        "venue": "deribit",
        "last_snapshot_at": AT,
        "age_seconds": 7_500.0,
        "usual_interval_seconds": 3_600.0,
        "rows": 1_234,
        "rejected": 5,
        "gaps": tuple(Gap("BTC", "deribit", AT, AT, hours, "HTTP 502") for hours in (2, 1_000)),
        "is_stale": False,
        "is_live": True,
        "problem": None,
    }
    return StatusRow(**(fields | changes))


def test_status_table_and_problems():
    rows = [status_row(venue="okx", is_stale=True), status_row(), status_row(underlying="ETH", problem="it failed")]
    lines = drawn(shown.status_table(rows))
    assert line_of(lines, "BTC") == "BTC deribit 2026-03-17 16:00 2 h 5 min 1 h 1,234 5 1,002"
    unbuilt = {"SOL": ["2026-01", "2026-02", "2026-03-01", "2026-03-02"]}
    assert list(shown.problems(Status(rows, unbuilt, []))) == [
        "okx BTC: stale, last snapshot 2 h 5 min ago",
        "deribit ETH: it failed",
        "SOL: not built: 2026-01, 2026-02, 2026-03-01 ...; run `gex build`",
    ]


def test_import_and_build_lines():
    imported = ImportSummary(
        files=2,
        rows=Counter(chain=1_200),
        same=Counter(chain=3, candles=4),
        rejected=Counter(no_iv=2, expired=1),
    )
    assert summaries.import_lines(imported) == [
        "2 files read",
        "candles: 0 new rows, 4 already stored",
        "chain: 1,200 new rows, 3 already stored",
        "rejected (kept in chain_rejected): 3 rows: expired 1, no_iv 2",
    ]
    built = BuildSummary(built=1, fresh=3, rows=Counter(levels=37), seconds=1.26)
    assert summaries.build_lines(built) == ["1 partition built, 3 already fresh, 1.3 s", "levels: 37 rows"]


@pytest.mark.parametrize("width", [80, 120])
def test_no_table_is_wider_than_asked(make_answer, width):
    for table in (levels_table(make_answer()), profile_table(make_answer()), heatmap_table(make_answer())):
        assert max(map(len, drawn(table, width))) <= width
