"""The page of a run: that it says what the run says, that no text is taken for markup, that it loads nothing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.patches import StepPatch
from rich.console import Console

from gex_backtest import summary
from gex_backtest.config import Choice, Configuration, configure
from gex_backtest.history import History
from gex_backtest.identity import Origin
from gex_backtest.made_up import history as made_up
from gex_backtest.report.equity_plots import drawdown, equity
from gex_backtest.report.event_plots import paths, pins
from gex_backtest.report.page import report
from gex_backtest.report.pictures import seen
from gex_backtest.results import Record
from gex_backtest.rules import RULES as ALL_RULES
from gex_backtest.study import EVENTS, Rule, Study
from gex_backtest.suite import run
from gex_pipeline.market.economy import Switches, simulate
from tests.html_pages import Page
from tests.unit.backtest import drifts
from tests.unit.backtest.drifts import DRIFTS, VOLS, Parameters

INSTRUMENT = {"venue": "okx", "market": "perp", "symbol": "BTC-PERP", "interval": "1h", "bars": 96}
HOSTILE = "</td></table><script>alert('1')</script><img src=//x onerror=\"alert(2)\"> $\\frac & "


def record(asked: Configuration, of: History, **instrument: str) -> Record:
    return Record(run(of, asked), Origin.of(asked, of, [INSTRUMENT | instrument]))


def html(asked: Configuration, of: History, is_synthetic: bool = False) -> str:
    made = report(record(asked, of), of, is_synthetic=is_synthetic, has_pictures=False)
    assert list(made) == ["report.html"]
    return made["report.html"].decode()


def asked(*rules: Rule) -> Configuration:
    return Configuration(tuple(Choice(rule, (rule.parameters(),)) for rule in rules))


def form(value: float | None, how: str) -> str:
    return "" if value is None else f"{value:{how}}".replace("%", " %")


def test_the_verdicts_are_those_of_the_document() -> None:
    grid = (Choice(DRIFTS, (Parameters(hours=1), Parameters(hours=6))), Choice(VOLS, (Parameters(),)))
    of = drifts.history()
    made = record(Configuration(grid), of)
    page = Page(report(made, of, is_synthetic=False, has_pictures=False)["report.html"].decode())
    head, *rows = page.tables[0]
    for row, said in zip(rows, made.document["outcomes"], strict=True):
        cells = dict(zip(head, row, strict=True))
        assert cells["rule"].split(" ")[0] == said["rule"]
        assert (cells["claim"], cells["verdict"]) == (said["hypothesis"], said["verdict"])
        assert (cells["claimed"], cells["power"]) == (form(said["claimed"], "+.3g"), form(said["power"], ".0%"))
        if said["status"] != "ok":
            assert (cells["headline"], cells["estimate"], cells["n"]) == (said["status"], "", "")
            continue
        first = said["estimates"][0]
        assert cells["headline"] == f"{first['name']}, {first['group']}"
        assert cells["estimate"] == form(first["value"], "+.3g")
        assert cells["95 %"] == f"{first['low']:+.3g} to {first['high']:+.3g}"
        assert (cells["p"], cells["n"]) == (form(first["p_value"], ".2g"), str(first["n"]))
        assert cells["detectable"] == form(first["detectable"], ".3g")
    assert [row[0] for row in rows] == ["drifts hours=1", "drifts hours=6", "vols"]


@dataclass(frozen=True)
class Hostile(Parameters):
    """Its text is markup."""

    note: str = HOSTILE


@dataclass(frozen=True)
class Harmless(Parameters):
    """The same, without markup."""

    note: str = "note"


def _named(words: str, parameters: type[Parameters]) -> tuple[Configuration, Rule]:
    found = replace(DRIFTS, name=words, hypothesis=words, parameters=parameters)
    return replace(asked(found), underlying=words), found


def test_no_text_becomes_markup() -> None:
    """Names of coins, rules, instruments and parameters, claims: the elements are those of a page without them."""
    pages = []
    for words, parameters in ((HOSTILE, Hostile), ("words", Harmless)):
        of = replace(drifts.history(), underlying=words)
        made = record(_named(words, parameters)[0], of, venue=words, symbol=words)
        pages.append(Page(report(made, of, is_synthetic=False, has_pictures=False)["report.html"].decode()))
    hostile, harmless = pages
    assert hostile.elements == harmless.elements
    assert HOSTILE in hostile.text
    assert not {"script", "iframe", "object"} & {tag for tag, _ in hostile.elements}


def test_the_page_loads_nothing_and_its_links_lead_somewhere() -> None:
    page = Page(html(asked(DRIFTS, VOLS), drifts.history()))
    assert {link.split(":")[0] for link in page.links if not link.startswith("#")} == {"data"}
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert inside and set(inside) <= page.names


def test_made_up_data_is_marked() -> None:
    real, synthetic = (html(asked(DRIFTS), drifts.history(), is_synthetic=flag) for flag in (False, True))
    assert "SYNTHETIC" not in real and "SYNTHETIC DATA" in Page(synthetic).text


def test_a_rule_without_its_data_says_why() -> None:
    page = Page(html(asked(DRIFTS, VOLS), drifts.history()))
    assert page.text.count("no dvol in this span") == 2  # among the verdicts and in its section


@pytest.mark.parametrize(("days", "is_marked"), [(4, True), (60, False)])
def test_a_sharpe_ratio_of_a_short_record_is_marked_on_the_page_and_in_the_summary(days: int, is_marked: bool) -> None:
    of = drifts.history(24 * days)
    made = record(asked(DRIFTS), of)
    (outcome,) = made.results.outcomes
    shown = f"{outcome.trading.metrics.sharpe:.2f}{' (too short)' if is_marked else ''}"
    page = Page(report(made, of, is_synthetic=False, has_pictures=False)["report.html"].decode())
    (head, row), (_, *metrics) = (table for table in page.tables if {"net return", "metric"} & set(table[0]))
    assert row[head.index("Sharpe")] == shown
    assert [row[2].endswith("(too short)") for row in metrics if row[0] == "sharpe"] == [is_marked]
    terminal = Console(width=300)
    with terminal.capture() as captured:
        terminal.print(summary.table(made.results))
    (line,) = [line for line in captured.get().splitlines() if line.startswith("drifts")]
    assert f"  {shown}  " in line
    for text in (page.text, captured.get()):
        assert ("too short: fewer than 20 days" in text) == is_marked


def test_gaps_are_told() -> None:
    whole = drifts.history()
    kept = np.r_[0:30, 40:96]
    bars = replace(whole.bars, **{name: values[kept] for name, values in vars(whole.bars).items()})
    page = Page(html(asked(DRIFTS), replace(whole, bars=bars, levels=whole.levels.head(48))))
    gaps = [table[1:] for table in page.tables if table[0] == ["from", "to", "for"]]
    assert gaps == [
        [["2026-03-03 06:00 UTC", "2026-03-03 16:00 UTC", "10 h"]],
        [["2026-03-04 02:00 UTC", "2026-03-06 00:00 UTC", "1 d 22 h"]],
    ]


def test_every_page_says_what_its_tests_are_worth() -> None:
    tables = Page(html(asked(DRIFTS), drifts.history())).tables
    size = next(table[1:] for table in tables if table[0][:2] == ["rule", "days"] and "size" in table[0])
    assert [row[0] for row in size] == list(ALL_RULES) and all(row[4].endswith(" %") for row in size)


@pytest.fixture(scope="module")
def of_rules() -> tuple[Record, History]:
    """Rules that have pictures of their own, on a made-up market."""
    market = simulate("BTC", drifts.START, 40, 3, Switches(walls=3))
    of = made_up(market, 3, 60)
    return record(configure(["regime", "opex_pin", "wall_bounce"]), of), of


def test_rules_have_their_pictures(of_rules: tuple[Record, History]) -> None:
    made = report(*of_rules, is_synthetic=True)
    names = {name for name in made if name != "report.html"}
    shown = {
        "opex_pin": "price distance path_1 path_2 equity",
        "regime": "price over_time equity",
        "wall_bounce": "price path_1 equity",
    }
    expected = {f"{rule}_{each}" for rule, words in shown.items() for each in words.split()}
    assert names == {f"{name}.{kind}" for name in expected for kind in ("png", "svg")}
    assert all(content.startswith(b"\x89PNG") for name, content in made.items() if name.endswith("png"))
    assert all(b"</svg>" in content for name, content in made.items() if name.endswith("svg"))
    page = Page(made["report.html"].decode())
    assert sum(tag == "img" for tag, _ in page.elements) == len(expected)


def test_the_same_run_gives_the_same_bytes(of_rules: tuple[Record, History]) -> None:
    assert report(*of_rules, is_synthetic=True) == report(*of_rules, is_synthetic=True)


def test_fall_from_the_last_peak() -> None:
    assert drawdown(np.array([1.0, 2.0, 1.5, 3.0, 0.3])).tolist() == pytest.approx([0, 0, -0.25, 0, -0.9])


def test_a_fall_between_two_points_is_drawn() -> None:
    of = drifts.history(9_000)
    (outcome,) = run(of, asked(DRIFTS)).outcomes
    curve = np.ones(9_000)
    curve[np.setdiff1d(np.arange(9_000), seen(9_000))[1_000]] = 0.4
    fallen = replace(outcome, trading=replace(outcome.trading, equity=curve))
    drawn = np.asarray(equity([fallen], of.bars, is_synthetic=False).figure.axes[1].lines[-1].get_ydata())
    assert len(drawn) < 5_000
    assert drawn[drawn < 0].tolist() == pytest.approx([-0.6])


def test_settlements_are_counted_by_distance() -> None:
    values = {"settlement": [0.0, 0.01, 0.26, 0.5], "other hour": [0.06] * 8}
    rows = [{"kind": kind, "outcome": "strike distance", "value": v} for kind, found in values.items() for v in found]
    (picture,) = pins("opex_pin", pl.DataFrame(rows, schema=EVENTS), is_synthetic=False)
    axes = picture.figure.axes[0]
    assert [bar.get_height() for bar in axes.containers[0]] == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    (stairs,) = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    assert stairs.get_data()[0].tolist() == [0, 4, 0, 0, 0, 0, 0, 0, 0, 0]  # as many as settlements


def test_paths_are_drawn_where_there_are_some() -> None:
    path = pl.DataFrame(
        {"hour": [-1, 0, 1], "mean": [0.1, 0.0, 0.3], "low": [-0.1] * 3, "high": [0.2] * 3, "n": [9] * 3}
    )
    (picture,) = paths("squeeze", Study(pl.DataFrame(schema=EVENTS), [], {"rises": path}), is_synthetic=False)
    line = next(line for line in picture.figure.axes[0].lines if line.get_label() == "events")
    assert np.asarray(line.get_ydata()).tolist() == [0.1, 0.0, 0.3]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
@pytest.mark.parametrize(("more", "is_quiet"), [("", True), ('<img src="https://127.0.0.1:1/x.png">', False)])
def test_a_browser_has_nothing_to_say(more: str, is_quiet: bool, tmp_path: Path) -> None:
    """Scripts and requests are refused by the page's own policy, and a browser says so."""
    text = html(asked(DRIFTS, VOLS), drifts.history())
    (tmp_path / "r.html").write_text(text.replace("</body>", f"{more}</body>"))
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/u",
    ]
    words = ["chromium", *options, f"--screenshot={tmp_path}/r.png", f"file://{tmp_path}/r.html"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (tmp_path / "r.png").stat().st_size > 10_000, done.stderr
    assert ("CONSOLE" not in done.stderr) is is_quiet, done.stderr
