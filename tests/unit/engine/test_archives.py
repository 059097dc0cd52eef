"""The list of archives: what may be written, which files belong to which days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from gex_pipeline.engine.archives import Archive, files_of, import_archives, load_archives
from gex_pipeline.engine.days import Days, period_days, spoken
from gex_pipeline.errors import UsageError
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.market import archive
from tests.unit.importers.build import csv_text
from tests.unit.importers.test_tardis import tick

HOUR = timedelta(hours=1)


def listed(folder: Path, text: str) -> list[Archive]:
    path = folder / "archives.toml"
    path.write_text(text)
    return load_archives(path)


def test_a_list_is_read(tmp_path: Path) -> None:
    first, second, third, fourth = listed(
        tmp_path,
        f"""
        [[archive]]
        source = "binance-eoh"
        files = "eoh/*.zip"
        underlying = "BTC"
        every = "1h"
        max_age = "90m"
        [[archive]]
        source = "chain"
        files = "*.csv"
        mapping = '{archive.mapping_path()}'
        [[archive]]
        source = "binance-klines"
        files = "*.zip"
        market = "perp"
        [[archive]]
        source = "deribit-book-summary"
        files = "*.jsonl"
        instruments = "instruments.json"
        """,
    )
    assert (first.table, first.venue) == ("chain", "binance")
    assert first.options == Options(underlying="BTC", every=HOUR, max_age=1.5 * HOUR)
    assert (second.table, second.venue) == ("chain", "deribit")
    assert second.options == Options(load_mapping(archive.mapping_path()))
    assert (third.table, third.options.market) == ("candles", "perp")
    assert (fourth.venue, fourth.options.instruments) == ("deribit", (tmp_path / "instruments.json",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[archive]", "is not TOML"),
        ("[[archiv]]", "unknown key 'archiv'; nearest is 'archive'"),
        ("[archive]", "archives are written as [[archive]]"),
        ("[[archive]]\nsource = 'binance-eoh'", "needs files"),
        ("[[archive]]\nfiles = '*'", "needs source"),
        ("[[archive]]\nsource = 'binance-eoh'\nfile = '*'", "unknown key 'file'; nearest is 'files'"),
        ("[[archive]]\nsource = 'binance-oh'\nfiles = '*'", "unknown source 'binance-oh'; nearest is 'binance-eoh'"),
        ("[[archive]]\nsource = 'binance-eoh'\nfiles = ''", "files must be text"),
        ("[[archive]]\nsource = 'binance-eoh'\nfiles = '*'\nevery = 'x'", "duration 'x'"),
        ("[[archive]]\nsource = 'binance-eoh'\nfiles = '*'\nvenue = 'okx'", "are binance's: remove it"),
        ("[[archive]]\nsource = 'tardis-options-chain'\nfiles = '*'", "needs venue"),
        (
            "[[archive]]\nsource = 'tardis-options-chain'\nfiles = '*'\nvenue = 'deribid'",
            "unknown venue 'deribid'; nearest is 'deribit'",
        ),
    ],
)
def test_a_wrong_word_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        listed(tmp_path, text)
    assert words in str(raised.value)
    assert "archives.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"archives\.toml cannot be read: No such file"):
        load_archives(tmp_path / "archives.toml")


JANUARY_5 = Days(date(2026, 1, 5), date(2026, 1, 5))


@pytest.mark.parametrize(
    ("name", "is_of_the_day"),
    [
        ("BTC-2026-01-05.csv", True),
        ("BTC-2026-01-06.csv", False),
        ("BTC_20260105.csv", True),
        ("BTC_20260106.csv", False),
        ("2026/01/05/BTC.csv", True),
        ("2026/01/04/BTC.csv", False),
        ("BTC-1h-2026-01.zip", True),
        ("BTC-1h-2026-02.zip", False),
        ("month=2026-01/2026-01-06.csv", False),  # the day says more
        ("2026-01-04_2026-01-06.csv", True),  # from, to
        ("2026-02-30.csv", False),  # no such day: some of February
        ("BTC.csv", True),
        ("order-1202601059.csv", True),  # digits of a longer number
        ("notes.txt", None),
    ],
)
def test_files_of_a_day(tmp_path: Path, name: str, is_of_the_day: bool | None) -> None:
    """Folders above the list say nothing."""
    folder = tmp_path / "2020-02-02"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("")
    found = Archive(folder, "chain", "**/*", "deribit", Options())
    expected = [folder / name] if is_of_the_day else []
    assert files_of(found, JANUARY_5) == expected
    assert files_of(found) == ([] if is_of_the_day is None else [folder / name])


@pytest.mark.parametrize(
    ("source", "options", "names"),
    [
        ("chain", Options(), ["2026-01-05"]),
        ("candles", Options(), ["2026-01-05"]),
        ("binance-eoh", Options(), ["2026-01-04", "2026-01-05"]),
        ("tardis-options-chain", Options(), ["2026-01-04", "2026-01-05"]),
        ("deribit-book-summary", Options(), ["2026-01-04", "2026-01-05"]),
        ("chain", Options(every=HOUR), ["2026-01-04", "2026-01-05"]),
        ("chain", Options(every=HOUR, max_age=26 * HOUR), ["2026-01-03", "2026-01-04", "2026-01-05"]),
    ],
)
def test_files_that_reach_into_the_next_day(tmp_path: Path, source: str, options: Options, names: list[str]) -> None:
    for day in range(2, 8):
        (tmp_path / f"2026-01-0{day}.csv").write_text("")
    found = files_of(Archive(tmp_path, source, "*.csv", "deribit", options), JANUARY_5)
    assert [path.stem for path in found] == names


def test_an_absolute_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert files_of(Archive(Path("elsewhere"), "chain", str(tmp_path / "*.csv"), "okx", Options())) == [
        tmp_path / "a.csv"
    ]


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026-01-05", date(2026, 1, 5), date(2026, 1, 5)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-12", date(2025, 12, 1), date(2025, 12, 31)),
        ("2025", date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_days_of_a_period(period: str, first: date, last: date) -> None:
    assert period_days(period) == Days(first, last)


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ([0], "2026-01-05"),
        ([0, 1, 2], "2026-01-05 .. 2026-01-07"),
        ([0, 2, 3], "2026-01-05, 2026-01-07 .. 2026-01-08"),
        (
            [0, 2, 4, 6, 8, 10, 12],
            "2026-01-05, 2026-01-07, 2026-01-09, 2026-01-11, 2026-01-13 and 2 more",
        ),
    ],
)
def test_days_in_words(offsets: list[int], words: str) -> None:
    assert spoken(date(2026, 1, 5) + timedelta(days=i) for i in offsets) == words


TICKS = "source = 'tardis-options-chain'\nvenue = 'okx'\nfiles = '*.csv'"


def test_an_archive_that_does_not_do_what_it_says_is_named(tmp_path: Path) -> None:
    """A pattern without files, and files of another venue: neither stops the others, neither goes unsaid."""
    (tmp_path / "a.csv").write_text(csv_text([tick()]))
    book = "source = 'deribit-book-summary'\nfiles = 'boks/*.json'"
    archives = listed(tmp_path, f"[[archive]]\n{book}\n[[archive]]\n{TICKS}")
    summary = import_archives(tmp_path / "warehouse", archives)
    assert summary.failures == [
        f"no file matches {tmp_path}/boks/*.json: is the pattern right?",
        f"{tmp_path}/a.csv has rows of deribit, not of okx",
    ]
    assert not (tmp_path / "warehouse").exists()
    no_day = import_archives(tmp_path / "warehouse", archives[:1], Days(date(2026, 1, 5), date(2026, 1, 5)))
    assert no_day.failures == summary.failures[:1]


def test_a_wrong_option_names_its_archive(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text([tick()]))
    archives = listed(tmp_path, f"[[archive]]\n{TICKS}\nevery = '7m'")
    with pytest.raises(UsageError, match=r"^archive \*\.csv: every = 0:07:00 does not divide a day"):
        import_archives(tmp_path / "warehouse", archives)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("source = 'tardis-options-chain'\nvenue = 'okx'\nevery = '7m'", "every = 0:07:00 does not divide a day"),
        ("source = 'binance-eoh'\nmax_age = '7m'", "max_age needs a grid: give every as well"),
        ("source = 'binance-eoh'\nmarket = 'spot'", "the source binance-eoh does not take market: remove it"),
        ("source = 'binance-klines'", "binance-klines needs market spot or perp"),
        ("source = 'chain'\nvenue = 'okx'", "the source chain needs mapping with a [chain] section"),
        ("source = 'deribit-book-summary'\ninstruments = 'none.json'", "instruments {folder}/none.json does not exist"),
        ("source = 'deribit-book-summary'\ninstruments = 'a.csv'", "instruments {folder}/a.csv is not "),
    ],
)
def test_nothing_is_read_before_every_archive_can_be(tmp_path: Path, words: str, message: str) -> None:
    """In the words of the list, not of the command line."""
    (tmp_path / "a.csv").write_text(csv_text([tick()]))
    first = TICKS.replace("okx", "deribit")
    archives = listed(tmp_path, f"[[archive]]\n{first}\n[[archive]]\nfiles = 'b*.csv'\n{words}")
    with pytest.raises(UsageError) as raised:
        import_archives(tmp_path / "warehouse", archives)
    assert str(raised.value).startswith(f"archive b*.csv: {message.format(folder=tmp_path)}")
    assert "--" not in str(raised.value)
    assert not (tmp_path / "warehouse").exists()
