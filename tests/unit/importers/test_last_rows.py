"""Which rows of a stream of ticks are taken: against a plain loop, in blocks so small that every edge is met."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import last_rows, stream
from gex_pipeline.importers.last_rows import Chosen, Ticks

MINUTE = 60_000_000
TICKS = Ticks(("name", "at", "x"), contract="name", received_at="at")


def write(folder: Path, rows: list[tuple[Any, ...]], header: str = "name,at,x", name: str = "ticks.csv") -> Path:
    path = folder / name
    text = "".join(f"{line}\n" for line in [header, *(",".join(map(str, r)) for r in rows)])
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def taken(path: Path, minutes: int = 1, block_bytes: int = 1 << 23) -> Chosen:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_rows, "blocks", lambda p: stream.blocks(p, block_bytes))
        return last_rows.last_rows(path, TICKS, timedelta(minutes=minutes))


def plain(rows: list[tuple[str, int, int]], minutes: int) -> list[tuple[str, int, int]]:
    """The same by a loop: per name and grid instant at or after the row, the latest, of equal times the last."""
    best: dict[tuple[str, int], tuple[int, int]] = {}
    for number, (name, at, _) in enumerate(rows):
        instant = at if at % (minutes * MINUTE) == 0 else at - at % (minutes * MINUTE) + minutes * MINUTE
        if (name, instant) not in best or best[name, instant] <= (at, number):
            best[name, instant] = (at, number)
    return [rows[number] for _, number in sorted(best.values(), key=lambda v: v[1])]


times = st.integers(0, 40).map(lambda step: step * MINUTE // 4 + (step % 3))
ROWS = st.lists(st.tuples(st.sampled_from("abc"), times), min_size=1, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(ROWS, st.integers(8, 90), st.sampled_from([1, 2, 5]), st.booleans(), st.booleans())
def test_as_a_plain_loop(tmp_path: Path, rows: list[Any], block: int, minutes: int, ordered: bool, packed: bool):
    rows = [(name, at, x) for x, (name, at) in enumerate(sorted(rows, key=lambda r: r[1]) if ordered else rows)]
    chosen = taken(write(tmp_path, rows, name="t.csv.gz" if packed else "t.csv"), minutes, block)
    found = [(r["name"], int(r["at"]), int(r["x"])) for r in chosen.raw.frame.iter_rows(named=True)]
    assert found == plain(rows, minutes)
    assert list(chosen.raw.lines or ()) == [x + 2 for _, _, x in found]  # line 1 is the header
    assert chosen.rows == len(rows)
    assert chosen.unordered == sum(at < max(a for _, a, _ in rows[:i]) for i, (_, at, _) in enumerate(rows) if i)
    assert (chosen.unordered == 0) or not ordered


def test_many_blocks_are_brought_down_on_the_way(tmp_path: Path) -> None:
    """More distinct rows than are held before compaction: names that occur once, then one that is superseded."""
    rows = [(f"n{i}", 1, i) for i in range(60_000)] + [("n0", 2, -1)]
    chosen = taken(write(tmp_path, rows), block_bytes=1 << 17)
    assert chosen.raw.frame.height == 60_000
    assert chosen.raw.frame.filter(name="n0")["x"].to_list() == ["-1"]


@pytest.mark.parametrize("block", [8, 1 << 23])
def test_a_tick_without_a_contract_refuses_the_file(tmp_path: Path, block: int) -> None:
    """Those of all contracts would be one, of which the last stays."""
    path = write(tmp_path, [("a", 1, 5), ("", 2, 6), ("", 3, 7)])
    with pytest.raises(ImportFileError) as raised:
        taken(path, block_bytes=block)
    assert str(raised.value) == f"{path} line 3: name is empty"


def test_windows_line_ends_and_no_line_feed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"name,at,x\r\na,1,5\r\na,2,6")
    assert taken(path).raw.frame.rows() == [("a", "2", "6")]


GOOD = ("a", 1, 5)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,1,5", "a,2"], "line 3: 2 cells instead of 3"),
        (["a,1,5", "a,2,6,7"], "line 3: 4 cells instead of 3"),
        (["a,1,5", "", "a,2,6"], "line 3: an empty line"),
        (["a,1,5", "a,soon,6"], "line 3: at = 'soon' is not a time in us"),
        (["a,1,5", "a,,6"], "line 3: at = '' is not a time in us"),
        (["a,1,5", "a,1.5,6"], "line 3: at = '1.5' is not a time in us"),
        (["a,1,5", 'a,2,"6"'], "line 3: a quoted cell"),
        (["a,1,5", "a,2,\0"], "line 3: a NUL byte"),
        (["a,1,5", "a,2,ä"], "line 3: a byte that is not ASCII"),
        (["a,1,5", "a,2,6\ra,3,7"], "a line ends in a carriage return alone"),
        ([], "has no rows, only a header"),
    ],
)
@pytest.mark.parametrize("block", [4, 1 << 20])
def test_a_broken_line_is_named(tmp_path: Path, lines: list[str], message: str, block: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["name,at,x", *lines]) + "\n")
    with pytest.raises(ImportFileError) as caught:
        taken(path, block_bytes=block)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("name,x", "line 1: no column 'at'"),
        ("name,att,x", "line 1: no column 'at'; nearest is 'att'"),
        ("name,at,x,x", "line 1: the column 'x' occurs more than once"),
    ],
)
def test_the_header_is_checked(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        taken(write(tmp_path, [GOOD], header))


def test_an_empty_file(tmp_path: Path) -> None:
    for name in ("t.csv", "t.csv.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
        with pytest.raises(ImportFileError, match="is empty"):
            taken(path)


def test_damaged_gzip(tmp_path: Path) -> None:
    whole = write(tmp_path, [(f"n{i}", i, i * 7919) for i in range(20_000)], name="t.csv.gz").read_bytes()
    path = tmp_path / "cut.csv.gz"
    for size in (len(whole) // 2, len(whole) - 1, 30):
        path.write_bytes(whole[:size])
        with pytest.raises(ImportFileError, match=rf"cut off: its gzip stream has no end at byte {size}$"):
            taken(path, block_bytes=1 << 16)
    path.write_bytes(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])  # its checksum
    with pytest.raises(ImportFileError, match=r"damaged gzip before byte \d+: CRC"):
        taken(path)
    path.write_bytes(b"name,at,x\na,1,5\n")
    with pytest.raises(ImportFileError, match=r"damaged gzip before byte .*Not a gzipped file"):
        taken(path)


def test_two_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"name,at,x\na,1,5\n") + gzip.compress(b"a,2,6\n"))
    assert taken(path).raw.frame.rows() == [("a", "2", "6")]


@pytest.mark.parametrize("name", ["absent.csv.gz", "absent.csv", "."])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportFileError, match=r"does not exist|is a directory"):
        taken(tmp_path / name)
