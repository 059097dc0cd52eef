"""Rows of an archive -> the rows of each grid instant.

Belongs here: which row stands for which snapshot. A grid instant takes, per instrument, the last row received at or
before it and no older than ``max_age``; so a snapshot depends on the file alone and never on the future.
A file whose rows lie exactly on the grid should have no ``every``: a row exactly ``max_age`` old still serves, so the
last row of each contract would also fill the instant after the file's end.
With ``max_age`` above ``every`` the end of one file overlaps the start of the next, which the warehouse reports as a
conflict.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from gex_pipeline.errors import UsageError

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


def check_grid(every: timedelta) -> None:
    """The instants are multiples of ``every`` since midnight UTC, so it must divide the day: else ``UsageError``."""
    if every <= timedelta(0) or _DAY % every:
        raise UsageError(f"every = {every} does not divide a day into equal parts")


def on_grid(frame: pl.LazyFrame, every: timedelta, max_age: timedelta) -> pl.LazyFrame:
    """Resample rows (columns ``received_at``, ``contract``, ``row``, ...) onto the grid, adding ``snapshot_at``.

    A row serves every grid instant from its receipt on, until a later row of its contract reaches the grid or it is
    older than ``max_age`` (an age equal to ``max_age`` still counts). Equal receipt times: the last in the file.
    """
    check_grid(every)
    step, oldest = every // _MICROSECOND, max_age // _MICROSECOND
    received = pl.col("received_at").dt.epoch("us")
    first = (received + (step - 1)) // step * step
    reach = (received + oldest) // step * step
    served = (
        frame.sort("contract", "received_at", "row")
        .with_columns(_first=first, _reach=reach)
        .with_columns(_next=pl.col("_first").shift(-1).over("contract") - step)
        .with_columns(_last=pl.min_horizontal("_reach", "_next"))
        .filter(pl.col("_last") >= pl.col("_first"))
    )
    instants = pl.int_ranges("_first", pl.col("_last") + 1, step)
    expanded = served.with_columns(snapshot_at=instants).explode("snapshot_at")
    return expanded.with_columns(pl.col("snapshot_at").cast(pl.Datetime("us", "UTC"))).drop(
        "_first", "_reach", "_next", "_last"
    )


def too_old(every: timedelta, max_age: timedelta) -> pl.Expr:
    """Whether the first grid instant at or after ``received_at`` is already further away than ``max_age``."""
    step, oldest = every // _MICROSECOND, max_age // _MICROSECOND
    received = pl.col("received_at").dt.epoch("us")
    return (received + (step - 1)) // step * step - received > oldest
