"""Files that are read, and files that are refused: what, where, in one line."""

from __future__ import annotations

import contextlib
import gzip
import zipfile
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.read import read


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _refusal(path: Path, file_format: str | None = None) -> str:
    with pytest.raises(ImportFileError) as caught:
        read(path, file_format)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,x\n2,\n",
        b"a,b\r\n1,x\r\n2,\r\n",
        b"\xef\xbb\xbfa,b\n1,x\n2,\n",
        b"a,b\n1,x\n2,",  # no final line break
        b'a,b\n\n"1","x"\n\n2,""\n',
    ],
)
def test_csv_cells_are_text_as_written(tmp_path: Path, data: bytes) -> None:
    raw = read(_write(tmp_path, "a.csv", data))
    assert raw.frame.rows() == [("1", "x"), ("2", "")]
    assert raw.columns == ("a", "b")


def test_csv_guesses_no_type_and_no_null(tmp_path: Path) -> None:
    raw = read(_write(tmp_path, "a.csv", b"a,b\n007,NaN\n0E-8,null\n"))
    assert raw.frame.rows() == [("007", "NaN"), ("0E-8", "null")]


def test_line_numbers_count_empty_lines(tmp_path: Path) -> None:
    raw = read(_write(tmp_path, "a.csv", b"a,b\n\n\n1,2\n\n3,4\n"))
    assert [raw.where(i).rsplit(" ", 2)[1:] for i in (0, 1)] == [["line", "4"], ["line", "6"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "FILE is empty"),
        (b"\n\n", "FILE is empty"),
        (b"a,b\n", "FILE has no rows, only a header"),
        (b"a,b", "FILE has no rows, only a header"),
        (b"a,b\n1,2\n\n3\n", "FILE line 4: 1 cells instead of 2"),
        (b"a,b\n1,2\n3,4,5\n", "FILE line 3: 3 cells instead of 2"),
        (b"a,a\n1,2\n", "FILE line 1: the column 'a' occurs more than once"),
        (b"a,\n1,2\n", "FILE line 1: column 2 of the header has no name"),
        (b"a,b\n1,\0\n", "FILE is not text: NUL at byte 6"),
        (b"a,b\n1,\xff\n", "FILE is not UTF-8 at byte 6"),
        (b"\xff\xfea\0,\0b\0", "FILE is not csv: its content is UTF-16 text"),
        (b"<!DOCTYPE html><html>", "FILE is not csv: its content is HTML or XML"),
        (b"\x1f\x8b\x08", "FILE is not csv: its content is gzip"),
        (b"PAR1....PAR1", "FILE is not csv: its content is parquet"),
    ],
)
def test_damaged_csv_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    assert _refusal(_write(tmp_path, "a.csv", data)) == message


@pytest.mark.parametrize("cell", [b'"2\n3,4\n', b'"2\n3,"4\n', b'"2"x\n', b'1"x,"2\n3,4\n'])
def test_a_quote_that_does_not_close_swallows_no_rows(tmp_path: Path, cell: bytes) -> None:
    header = b"a,b,c\n1," if cell.startswith(b"1") else b"a,b\n1,"
    assert _refusal(_write(tmp_path, "a.csv", header + cell)).startswith("FILE line 2: a quoted cell does not end")


def test_wrong_row_is_named_far_into_the_file(tmp_path: Path) -> None:
    lines = b"a,b\n" + b"123456,abcdefgh\n" * 200_000 + b"1\n" + b"1,2\n" * 10  # several of pyarrow's blocks
    assert _refusal(_write(tmp_path, "a.csv", lines)) == "FILE line 200002: 1 cells instead of 2"


def test_jsonl_scalars_become_text(tmp_path: Path) -> None:
    data = b'{"a": 1e-8, "b": "x"}\n\n{"a": null, "c": true}\n{"b": [1]}\n'
    raw = read(_write(tmp_path, "a.jsonl", data))
    assert raw.frame.rows() == [("1e-8", "x", None), (None, None, "true"), (None, '["1"]', None)]
    assert raw.where(1).endswith("line 3")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1}\n{"a": \n', "FILE line 2: not JSON at character 6"),
        (b'{"a": 1}\n[1]\n', "FILE line 2: not a JSON object"),
        (b'{"a":' + b"[" * 100_000, "FILE line 1: not JSON"),
        (b"\n", "FILE has no rows"),
    ],
)
def test_damaged_jsonl_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    assert _refusal(_write(tmp_path, "a.jsonl", data)).startswith(message)


def test_gz_and_zip_hold_text(tmp_path: Path) -> None:
    packed = _write(tmp_path, "a.csv.gz", gzip.compress(b"a\n1\n"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inside.jsonl", '{"a": 1}\n')
    assert read(packed).frame.rows() == [("1",)]
    assert read(tmp_path / "b.zip").frame.rows() == [("1",)]


def test_damaged_gz_is_refused_with_the_byte(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"{i},{i * i}\n" for i in range(500)).encode())
    cut = _write(tmp_path, "a.csv.gz", whole[:-700])
    assert _refusal(cut) == f"FILE is cut off: its gzip stream has no end at byte {len(whole) - 700}"
    wrong_sum = whole[:-8] + bytes(4) + whole[-4:]
    assert _refusal(_write(tmp_path, "b.csv.gz", wrong_sum)).startswith("FILE is damaged gzip before byte")
    assert _refusal(_write(tmp_path, "c.csv.gz", b"a,b\n1,2\n")).startswith("FILE is damaged gzip before byte")


def test_zip_needs_exactly_one_whole_member(tmp_path: Path) -> None:
    for name, members in (("none.zip", []), ("two.zip", ["a.csv", "b.csv"])):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.writestr(member, "a\n1\n")
        assert _refusal(tmp_path / name) == f"FILE holds {len(members)} files; a zip must hold exactly one"
    with zipfile.ZipFile(tmp_path / "crc.zip", "w") as archive:
        archive.writestr("a.csv", "a\n1234\n")
    broken = (tmp_path / "crc.zip").read_bytes().replace(b"1234", b"1235")
    assert "damaged zip" in _refusal(_write(tmp_path, "crc.zip", broken))
    assert "damaged zip" in _refusal(_write(tmp_path, "short.zip", broken[:40]))


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_arrow_files_keep_their_types_and_damage_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", "y"]})
    frame.write_parquet(path) if suffix == "parquet" else frame.write_ipc(path)
    raw = read(path)
    assert raw.frame.rows() == [(1.5, "x"), (None, "y")]
    assert raw.where(1).endswith("row 2")
    whole = path.read_bytes()
    for at in range(8, len(whole), 7):
        assert f"damaged {suffix}" in _refusal(_write(tmp_path, f"cut.{suffix}", whole[:at]))
    frame.clear().write_parquet(path) if suffix == "parquet" else frame.clear().write_ipc(path)
    assert _refusal(path) == "FILE has no rows"


def test_a_flipped_byte_is_read_or_refused_and_never_a_crash(tmp_path: Path) -> None:
    """Every byte of small files of every format, inverted."""
    frame = pl.DataFrame({"at": pl.Series([0, 1]).cast(pl.Datetime("us", "UTC")), "b": ["x", None], "c": [1.5, 2.5]})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.feather")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
            with contextlib.suppress(ImportFileError):
                read(path).frame.rows()


def test_impossible_times_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for unit in ("ms", "us", "ns"):
        pl.DataFrame({"at": pl.Series([None, 0, 10**12]).cast(pl.Datetime(unit))}).write_parquet(path)
        assert read(path).frame.height == 3
    pl.DataFrame({"at": pl.Series([None, 0, 2**60]).cast(pl.Datetime("us"))}).write_parquet(path)
    assert _refusal(path) == "FILE row 3: at is no time (1152921504606846976 us since 1970)"


def test_extension_against_content(tmp_path: Path) -> None:
    assert _refusal(_write(tmp_path, "a.parquet", b"a,b\n1,2\n")) == (
        "FILE is not parquet: its content is unknown (b'a,b\\n1,2\\n' at byte 0)"
    )
    assert "no known format for 'a.xlsx'" in _refusal(_write(tmp_path, "a.xlsx", b"1"))
    assert read(_write(tmp_path, "a.txt", b"a\n1\n"), "csv").frame.rows() == [("1",)]


def test_no_file(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "absent.csv") == "FILE does not exist"
    assert _refusal(tmp_path) == "FILE is a directory, not a file"
