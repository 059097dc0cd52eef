"""`gex import deribit-book-summary` for real, on made-up responses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from gex_pipeline import cli, open_warehouse
from tests.unit.importers.test_deribit_book_summary import CALL, FOUR, PUT, listed, response, saved, summary

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


def test_instruments_that_cannot_be_used_are_wrong_usage(folder: Path, tmp_path: Path, capsys) -> None:
    root = tmp_path / "warehouse"
    wrong = folder / "1.json"
    assert run(root, folder, "--instruments", wrong) == 2
    assert said(capsys.readouterr().err) == [
        f"gex: --instruments {wrong} is no get_instruments response: no contract_size (a book summary is a PATH)"
    ]
    assert not root.exists()
