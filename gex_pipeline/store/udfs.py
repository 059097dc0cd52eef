"""Scalar SQL functions: the kernels of `core`, called by DuckDB on batches of up to 2,048 rows.

Belongs here: the bridge between SQL values and arrays. Not: any formula. A result that does not exist is NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from gex_pipeline.core import black76, calendar, settlement_average

_NUMBERS = ("forward", "strike", "tenor", "iv")

#: name -> (kernel in core.black76, whether it takes the option type)
_GREEKS = {
    "black76_price": ("price", True),
    "black76_delta": ("delta", True),
    "black76_gamma": ("gamma", False),
    "black76_vega": ("vega", False),
    "black76_vanna": ("vanna", False),
    "black76_charm": ("charm", False),
    "black76_theta": ("theta", False),
}

#: Names of all functions that a session offers, for the views that need them.
NAMES = (*_GREEKS, "black76_gamma_twap", "implied_vol", "expiry_type", "next_settlement", "settlement_window_minutes")


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Create every function in a connection."""
    for name, (kernel, has_type) in _GREEKS.items():
        types = ["DOUBLE"] * len(_NUMBERS) + ["VARCHAR"] * has_type
        _create(con, name, _numeric(kernel, has_type), types)
    _create(con, "black76_gamma_twap", _gamma_twap, ["DOUBLE"] * 6)
    _create(con, "implied_vol", _numeric("implied_vol", True), ["DOUBLE"] * 4 + ["VARCHAR"])
    con.create_function("expiry_type", _expiry_type, ["TIMESTAMPTZ"], "VARCHAR", type=PythonUDFType.ARROW)
    con.create_function("next_settlement", _next_settlement, ["TIMESTAMPTZ"], "TIMESTAMPTZ", type=PythonUDFType.ARROW)
    window: list[Any] = ["VARCHAR", "TIMESTAMPTZ"]
    con.create_function(
        "settlement_window_minutes",
        _window_minutes,
        window,
        "BIGINT",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,  # a venue may be unknown
    )


def _create(con: duckdb.DuckDBPyConnection, name: str, function: Callable[..., pa.Array], types: list[str]) -> None:
    """NULL in any argument reaches the kernel as NaN and comes back as NULL."""
    special = FunctionNullHandling.SPECIAL
    parameters: list[Any] = list(types)
    con.create_function(name, function, parameters, "DOUBLE", type=PythonUDFType.ARROW, null_handling=special)


def _numeric(kernel: str, has_type: bool) -> Callable[..., pa.Array]:
    """A function of four numbers, or of four numbers and an option type (DuckDB counts the parameters)."""
    if has_type:
        return lambda a, b, c, d, option_type: _typed(kernel, (a, b, c, d), option_type)
    return lambda a, b, c, d: _result(_call(kernel, (a, b, c, d)))


def _typed(kernel: str, numbers: tuple[pa.ChunkedArray, ...], option_type: pa.ChunkedArray) -> pa.Array:
    """An option type other than C and P has no price: NULL."""
    letters = np.array(option_type.to_pylist(), dtype=object)
    is_call = letters == "C"
    return _result(np.where(is_call | (letters == "P"), _call(kernel, numbers, is_call), np.nan))


def _call(kernel: str, numbers: tuple[pa.ChunkedArray, ...], *flags: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return getattr(black76, kernel)(*(c.to_numpy() for c in numbers), *flags)


def _gamma_twap(
    forward: pa.ChunkedArray,
    strike: pa.ChunkedArray,
    tenor: pa.ChunkedArray,
    iv: pa.ChunkedArray,
    window: pa.ChunkedArray,
    average: pa.ChunkedArray,
) -> pa.Array:
    """Tenor and window in years, the running average in USD per coin."""
    numbers = (forward, strike, tenor, iv, window, average)
    with np.errstate(all="ignore"):
        return _result(settlement_average.gamma(*(c.to_numpy() for c in numbers)))


def _result(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _expiry_type(instants: pa.ChunkedArray) -> pa.Array:
    days, inverse = _distinct(instants)
    names = np.array([calendar.expiry_type(d.date()) for d in days])
    return pa.array(names[inverse], pa.string())


def _next_settlement(instants: pa.ChunkedArray) -> pa.Array:
    distinct, inverse = _distinct(instants)
    later = np.array([calendar.next_settlement(d).timestamp() * 1e6 for d in distinct]).astype(np.int64)
    return pa.array(later[inverse], pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _window_minutes(venues: pa.ChunkedArray, expiries: pa.ChunkedArray) -> pa.Array:
    pairs = zip(venues.to_pylist(), expiries.to_pylist(), strict=True)
    minutes = [settlement_average.window_minutes(v, at.astimezone(UTC).date()) if v and at else None for v, at in pairs]
    return pa.array(minutes, pa.int64())


def _distinct(instants: pa.ChunkedArray) -> tuple[list[datetime], np.ndarray]:
    """The distinct instants of a batch (few: a snapshot has thousands of rows) and where each row finds its own."""
    micros = instants.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    values, inverse = np.unique(micros, return_inverse=True)
    return [datetime.fromtimestamp(v / 1e6, UTC) for v in values], inverse
