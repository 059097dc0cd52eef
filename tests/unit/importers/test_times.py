"""Time formats of vendors, each against an instant worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.read import Raw
from gex_pipeline.importers.times import TimeFormat, instants

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)  # 1717243200 s


def _instants(values: list[Any], fmt: TimeFormat, dtype: Any = None) -> list[datetime | None]:
    frame = pl.DataFrame({"t": pl.Series(values, dtype=dtype)})
    result = instants(Raw(Path("FILE"), frame, ("t",)), "t", fmt)
    assert result.dtype == pl.Datetime("us", "UTC")
    return result.to_list()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iso", "2024-06-01T12:00:00Z"),
        ("iso", "2024-06-01 12:00:00"),
        ("iso", "2024-06-01T14:00:00+02:00"),
        ("", "2024-06-01T12:00:00.000000Z"),
        ("s", "1717243200"),
        ("s", "1717243200.0"),
        ("s", 1717243200.0),
        ("ms", "1717243200000"),
        ("ms", 1717243200000),
        ("us", "1717243200000000"),
        ("ns", "1717243200000000000"),
        ("ns", "1717243200000000999"),  # below a microsecond: cut off
        ("unix", "1717243200"),
        ("unix", "1717243200000"),
        ("unix", "1717243200000000"),
        ("unix", "1717243200000000000"),
        ("%d.%m.%Y %H:%M", "01.06.2024 12:00"),
        ("%d.%m.%Y %H:%M %z", "01.06.2024 14:00 +0200"),
        ("native", datetime.fromisoformat("2024-06-01T12:00")),
        ("iso", datetime(2024, 6, 1, 12, tzinfo=UTC)),  # a native column needs no format
    ],
)
def test_formats(name: str, value: Any) -> None:
    assert _instants([value], TimeFormat(name)) == [NOON]


def test_seconds_and_milliseconds_may_be_mixed() -> None:
    assert _instants(["1717243200", "1717246800000", ""], TimeFormat("unix")) == [NOON, NOON + timedelta(hours=1), None]


def test_fractions_of_seconds_and_nanoseconds_keep_their_microseconds() -> None:
    micro = timedelta(microseconds=123456)
    assert _instants(["1717243200.123456"], TimeFormat("s")) == [NOON + micro]
    assert _instants(["1717243200123456789"], TimeFormat("ns")) == [NOON + micro]


def test_local_time_is_converted_and_aware_values_are_not_touched() -> None:
    berlin = TimeFormat("iso", "Europe/Berlin")
    assert _instants(["2024-06-01 14:00:00", "2024-06-01T12:00:00Z"], berlin) == [NOON, NOON]
    assert _instants([datetime.fromisoformat("2024-06-01T14:00")], TimeFormat("native", "Europe/Berlin")) == [NOON]


@pytest.mark.parametrize("local", ["2024-10-27 02:30:00", "2024-03-31 02:30:00"])
def test_a_local_time_that_occurs_twice_or_never_is_refused(local: str) -> None:
    with pytest.raises(ImportFileError, match=r"FILE row 2: t = .* is not one instant in Europe/Berlin"):
        _instants(["2024-06-01 14:00:00", local], TimeFormat("iso", "Europe/Berlin"))


def test_a_date_gets_its_time_of_day() -> None:
    eight = timedelta(hours=8)
    expected = [datetime(2024, 6, 1, 8, tzinfo=UTC)]
    assert _instants(["2024-06-01"], TimeFormat("%Y-%m-%d", at=eight)) == expected
    assert _instants(["2024-06-01"], TimeFormat("iso", at=eight)) == expected
    assert _instants([date(2024, 6, 1)], TimeFormat("native", at=eight)) == expected


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        (["2024-06-01T12:00:00Z", "soon"], "iso", r"FILE row 2: t = 'soon' is not a time of format iso"),
        (["20240601"], "iso", "not a time of format iso"),
        (["01/06/2024"], "%Y-%m-%d", "not a time of format '%Y-%m-%d'"),
        (["x"], "ms", "t = 'x' is not a time in ms"),
        (["1717243200"], "ms", "not between 2000 and 2100; wrong time format"),
        (["1717243200000"], "s", "not between 2000 and 2100"),
        (["1e300"], "s", "not between 2000 and 2100"),
        (["9223372036854775807"], "s", "not between 2000 and 2100"),
        (["NaN"], "s", "not a time in s"),
        (["2024-06-01"], "native", "not a native timestamp"),
        ([timedelta(hours=1)], "native", "not a timestamp"),
    ],
)
def test_what_is_no_time_is_refused(values: list[Any], name: str, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        _instants(values, TimeFormat(name))
