"""`gex calibrate`: what is stored, what is drawn anew, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from gex_backtest.calibration import plan, stored
from gex_backtest.rules import RULES
from gex_pipeline.cli import main


def test_without_options_it_shows_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate"]) == 0
    shown = capsys.readouterr().out
    assert "SYNTHETIC" in shown and all(rule in shown for rule in RULES)
    assert main(["calibrate", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["synthetic"] and [row["rule"] for row in document["size"]] == list(RULES)


def test_stopped_it_keeps_what_it_has_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a real Ctrl-C; the second run draws the rest, and both together are the rows of one run."""
    out = tmp_path / "rows.parquet"
    words = [
        sys.executable,
        "-m",
        "gex_pipeline.cli",
        "calibrate",
        "--markets",
        "40",
        "--workers",
        "1",
        "--out",
        str(out),
    ]
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    ) as running:
        assert running.stderr is not None and "40 to do" in running.stderr.readline()
        time.sleep(8.0)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
    assert running.returncode == 130 and "Traceback" not in said
    kept = stored.read(out)
    more = kept["seed"].n_unique() + 2
    assert more < 40
    assert main(["calibrate", "--markets", str(more), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"][0]["markets"] == more
    whole = stored.read(out)
    assert set(whole["seed"]) == set(range(more))
    assert kept.equals(whole.filter(pl.col("seed").is_in(kept["seed"].implode())))


def test_rows_of_other_code_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.parquet"
    stored.write(out, stored.measured().head(8).with_columns(code=pl.lit("other")))
    assert main(["calibrate", "--markets", "1", "--out", str(out)]) == 2
    assert "was drawn by other code than this: choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--markets", "0"], "--markets 0 must be from 1 to 1,000"),
        (["--power", "201"], "--power 201 must be from 1 to 200"),
        (["--markets", "1", "--workers", "0"], "--workers 0 must be from 1 to 1,024"),
        (["--out", "rows.parquet"], "--out keeps what is drawn: add --markets 1000 --power 200, or fewer"),
        (["--markets", "1", "--out", "nowhere/rows.parquet"], "cannot be written: name a file in a folder that exists"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_calibration_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.parquet").write_text("mine")
    assert main(["calibrate", "--markets", "1", "--out", str(tmp_path / "rows.parquet")]) == 2
    assert "is there and is no calibration: choose another name" in capsys.readouterr().err
    assert (tmp_path / "rows.parquet").read_text() == "mine"


def test_no_seed_of_the_plan_is_used_twice() -> None:
    assert len(plan.NULL_SEEDS) == 1_000 and len(plan.POWER_SEEDS) == 200
    assert not set(plan.NULL_SEEDS) & set(plan.POWER_SEEDS)
    draws = [*plan.null(), *plan.power()]
    assert len({(draw.seed, draw.effect) for draw in draws}) == len(draws) == 2_000
