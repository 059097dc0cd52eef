"""Compare a row with the example of the fact sheet: same fields, same JSON types, numbers where numbers are sent."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def differences(row: Any, example: Any, where: str = "$", blank: tuple[object, ...] = ()) -> list[str]:
    """What is different; ``blank`` lists the values that stand for nothing at this endpoint."""
    if row in blank and not isinstance(row, list | dict):
        return []
    if isinstance(example, bool) or example is None or type(row) is not type(example):
        both_numbers = isinstance(row, int | float) and isinstance(example, int | float)
        same = type(row) is type(example) or (both_numbers and bool not in (type(row), type(example)))
        return [] if same else [f"{where}: {row!r} for {example!r}"]
    if isinstance(example, dict):
        return _of_dicts(row, example, where, blank)
    if isinstance(example, list):
        return _of_lists(row, example, where, blank)
    if isinstance(example, str) and _NUMBER.fullmatch(example) and not _NUMBER.fullmatch(str(row)):
        return [f"{where}: {row!r} is no plain number"]
    return []


def _of_dicts(row: dict, example: dict, where: str, blank: tuple[object, ...]) -> list[str]:
    out = [f"{where}: {sorted(row.keys() ^ example.keys())}"] if row.keys() != example.keys() else []
    for key in row.keys() & example.keys():
        out += differences(row[key], example[key], f"{where}.{key}", blank)
    return out


def _of_lists(row: list, example: list, where: str, blank: tuple[object, ...]) -> list[str]:
    """Every item like the only one of the example, or each like its own."""
    if len(example) > 1:
        if len(row) != len(example):
            return [f"{where}: {len(row)} items for {len(example)}"]
        pairs = list(zip(row, example, strict=True))
    else:
        pairs = [(item, example[0]) for item in row] if example else []
    return [d for i, (item, like) in enumerate(pairs) for d in differences(item, like, f"{where}[{i}]", blank)]


def is_ascending(values: list[Any]) -> bool:
    return all(a < b for a, b in pairwise(values))
