"""Values of a file -> parameters of a rule: names, types and bounds, and the variants that lists of values make. Pure.

Types are those of the dataclass: bool, int, float, str, ``Literal``, one of these or None, and a tuple of one of these.
Bounds are the dataclass's own matter: it raises a ``BacktestError`` that names the parameter.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from itertools import product
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gex_backtest.errors import BacktestError
from gex_pipeline.errors import UsageError, known, nearest, shown

#: More than these are a typing error, or a search for what fits.
_MOST_VARIANTS = 10_000
#: An integer may be larger than any float.
_LARGEST = sys.float_info.max
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def variants(kind: type[Any], given: Mapping[str, Any], section: str) -> tuple[Any, ...]:
    """Every combination of the values given for a dataclass, ascending; the others are its defaults.

    Raises ``UsageError`` that names the section and the key.
    """
    hints = get_type_hints(kind)
    for key in given:
        known(key, hints, f"key in [{section}]")
    values = {key: _values(f"[{section}] {key}", given[key], hints[key]) for key in hints if key in given}
    if (n := math.prod(map(len, values.values()))) > _MOST_VARIANTS:
        raise UsageError(f"[{section}] makes {n:,} variants, at most {_MOST_VARIANTS:,}: shorten its lists")
    try:
        return tuple(kind(**dict(zip(values, each, strict=True))) for each in product(*values.values()))
    except BacktestError as error:
        raise UsageError(f"[{section}] {error}") from None


def one(where: str, value: Any, hint: Any) -> Any:
    """A value of a type. Raises ``UsageError`` for any other."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is Literal:
        return choice(where, value, get_args(hint))
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where} must be a list, not {shown(value)}")
        return tuple(one(where, each, get_args(hint)[0]) for each in value)
    if hint is float and type(value) in (int, float):
        return _float(where, value)
    if type(value) is not hint:
        raise UsageError(f"{where} must be {_WORDS[hint]}, not {shown(value)}")
    return value


def _float(where: str, value: float) -> float:
    if type(value) is int and abs(value) > _LARGEST:
        raise UsageError(f"{where} must be from {-_LARGEST:.2g} to {_LARGEST:.2g}, not {shown(value)}")
    if not math.isfinite(value):
        raise UsageError(f"{where} must be {_WORDS[float]}, not {value!r}")
    return value + 0.0  # no negative zero: it would be another configuration


def _values(where: str, value: Any, hint: Any) -> list[Any]:
    """The values of a key: those of a list; for a parameter that is a list itself, of a list of lists."""
    is_many = isinstance(value, list) and (get_origin(hint) is not tuple or any(isinstance(v, list) for v in value))
    if is_many and not value:
        raise UsageError(f"{where} is an empty list: give a value, or several for variants")
    return sorted({one(where, each, hint) for each in (value if is_many else [value])})


def choice(where: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """A value out of a few. Raises ``UsageError`` that names the nearest for any other."""
    if value not in choices:
        hint = nearest(value, choices) if isinstance(value, str) else ""
        raise UsageError(f"{where} {shown(value)} is none of {', '.join(map(str, choices))}{hint}")
    return value
