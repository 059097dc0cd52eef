"""`gex import deribit-book-summary` for real, on made-up responses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from gex_pipeline import cli, open_warehouse
from tests.unit.importers.test_deribit_book_summary import CALL, FOUR, MINUTE, PUT, listed, response, saved, summary

HOUR = 3_600_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two hours of responses, and between them one that was cut off."""
    folder = tmp_path / "responses"
    folder.mkdir()
    rows = [summary(), summary(PUT, open_interest=300, underlying_price=140.0)]
    saved(folder, response(rows), name="1.json")
    (folder / "2.json").write_text(json.dumps(response(rows, FOUR + HOUR))[:-40])
    (folder / "3.json.gz").write_bytes(gzip.compress(json.dumps(response(rows, FOUR + 2 * HOUR)).encode()))
    return folder


def run(root: Path, *words: str | Path) -> int:
    return cli.main(["import", "deribit-book-summary", *map(str, words), "--warehouse", str(root)])


def said(err: str) -> list[str]:
    """The messages, without the lines of the progress."""
    return [line for line in err.splitlines() if line.startswith("gex: ")]


def test_a_broken_file_does_not_stop_the_others(folder: Path, tmp_path: Path, capsys) -> None:
    root = tmp_path / "warehouse"
    sizes = [saved(tmp_path, [listed()], name="sol.json"), tmp_path / "btc.json"]
    saved(tmp_path, [listed(CALL, strike=1e5, contract_size=1, option_type="call")], name="btc.json")
    words = [folder, "--instruments", sizes[0], "--instruments", sizes[1]]
    assert run(root, *words) == 3
    out, err = capsys.readouterr()
    broken = folder / "2.json"
    size = broken.stat().st_size
    assert said(err) == [f"gex: {broken} is cut off: its JSON has no end at byte {size}"]
    assert "chain: 4 new rows, 0 already stored" in out
    query = (
        "SELECT instrument, count(*) AS n, any_value(contract_size_coin) AS size FROM chain GROUP BY ALL ORDER BY ALL"
    )
    assert open_warehouse(root).query(query).rows() == [(CALL, 2, 1.0), (PUT, 2, 10.0)]
    assert run(root, *words) == 3
    assert "chain: 0 new rows, 4 already stored" in capsys.readouterr().out


def test_a_grid_and_one_coin(folder: Path, tmp_path: Path) -> None:
    (folder / "2.json").unlink()
    root = tmp_path / "warehouse"
    assert run(root, folder, "--every", "1h", "--max-age", "2h", "--underlying", "SOLUSDT") == 0
    query = "SELECT DISTINCT underlying, strftime(snapshot_at, '%H:%M') FROM chain ORDER BY ALL"
    hours = ["17:00", "18:00", "19:00", "20:00"]
    assert open_warehouse(root).query(query).rows() == [("SOL", hour) for hour in hours]


def test_two_books_of_one_poll_are_one_snapshot(tmp_path: Path, capsys) -> None:
    """The inverse and the USDC book, a file each: the levels are those of both, and the answer is fresh."""
    folder, root = tmp_path / "responses", tmp_path / "warehouse"
    folder.mkdir()
    for minute in range(3):
        at = FOUR + minute * MINUTE
        inverse = [summary(), summary("BTC-27MAR26-70000-P")]
        linear = [summary("BTC_USDC-27MAR26-110000-C", open_interest=90), summary("BTC_USDC-27MAR26-60000-P")]
        saved(folder, response(inverse, at), name=f"btc-{minute}.json")
        saved(folder, response(linear, at + 341), name=f"usdc-{minute}.json")
    assert run(root, folder) == 0
    assert cli.main(["build", "--warehouse", str(root)]) == 0
    warehouse = open_warehouse(root)
    instants = "SELECT DISTINCT strftime(snapshot_at, '%H:%M:%S') FROM levels ORDER BY ALL"
    assert [row[0] for row in warehouse.query(instants).rows()] == ["16:01:00", "16:02:00", "16:03:00"]
    walls = """SELECT level, value_usd FROM levels WHERE venues = 'all' AND scope = 'all_expiry' AND level IN
        ('call_resistance', 'call_wall_2', 'put_support', 'put_wall_2') AND value_usd IS NOT NULL GROUP BY ALL"""
    strikes = {110_000.0, 100_000.0, 70_000.0, 60_000.0}
    assert {row[1] for row in warehouse.query(walls).rows()} == strikes
    capsys.readouterr()
    assert cli.main(["levels", "BTC", "--at", "2026-03-17T16:03:20Z", "--warehouse", str(root)]) == 0
    assert "stale" not in "".join(capsys.readouterr())


def test_instruments_that_cannot_be_used_are_wrong_usage(folder: Path, tmp_path: Path, capsys) -> None:
    root = tmp_path / "warehouse"
    wrong = folder / "1.json"
    assert run(root, folder, "--instruments", wrong) == 2
    assert said(capsys.readouterr().err) == [
        f"gex: --instruments {wrong} is no get_instruments response: no contract_size (a book summary is a PATH)"
    ]
    assert not root.exists()
