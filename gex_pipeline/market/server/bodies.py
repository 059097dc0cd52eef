"""Bodies that are wrong on purpose: pure functions from a body to a body.

Belongs here: what a fault does to JSON. Not here: statuses, headers and connections. Reads the venues' field names from
a table of its own, as it must work on any endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from gex_pipeline.market.server.answers import encode
from gex_pipeline.market.server.faults import Fault

Row = dict[str, Any]
Rows = list[Row]


@dataclass(frozen=True)
class Wire:
    """Names of a venue's fields: the instrument's, and those a fault hits unless it names one itself."""

    name: str
    fields: tuple[str, ...]
    is_text: bool  # numbers are strings


WIRES = {
    "deribit": Wire("instrument_name", ("mark_iv", "strike", "index_price", "price", "close"), False),
    "bybit": Wire("symbol", ("markIv", "deliveryTime", "markPrice", "price"), True),
    "okx": Wire("instId", ("markVol", "oiCcy", "markPx", "bidPx", "stk", "idxPx", "px"), True),
    "binance": Wire("symbol", ("markIV", "sumOpenInterest", "bidPrice", "strikePrice", "indexPrice", "price"), True),
}
#: Fields that say when a row or an answer was made.
_TIMES = ("creation_timestamp", "timestamp", "ts", "time", "serverTime", "usIn", "usOut")
_MICROSECONDS = ("usIn", "usOut")
_NAN, _HUGE = '"<nan>"', '"<huge>"'  # stand-ins that become bare words of the text


def changed(body: bytes, fault: Fault) -> bytes:
    """A body as a fault of ``faults.BODIES`` leaves it."""
    if fault.kind in _TEXTS:
        return _TEXTS[fault.kind](body, fault)
    if fault.kind in ("stale", "future"):
        return encode(_shifted(msgspec.json.decode(body), _seconds(fault)))
    tree = msgspec.json.decode(body)
    out = encode(_with_rows(tree, lambda rows: _ROWS[fault.kind](rows, fault) if any(rows) else rows))
    return out.replace(_NAN.encode(), b"NaN").replace(_HUGE.encode(), b"1e400")


def _seconds(fault: Fault) -> float:
    seconds = fault.number(3_600.0)
    return -seconds if fault.kind == "stale" else seconds


def _shifted(node: Any, seconds: float) -> Any:
    """The tree with every time moved."""
    if isinstance(node, list):
        return [_shifted(item, seconds) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _moved(key, value, seconds) if key in _TIMES else _shifted(value, seconds) for key, value in node.items()
    }


def _moved(key: str, value: Any, seconds: float) -> Any:
    by = int(seconds * (1e6 if key in _MICROSECONDS else 1e3))
    return str(int(value) + by) if isinstance(value, str) else value + by


def _with_rows(tree: Any, change: Callable[[Rows], Rows]) -> Any:
    """The tree with its list of rows changed, wherever the venue keeps it; a lone row counts as a list of one."""
    if isinstance(tree, list):
        return change(tree)
    for key in ("result", "data", "list", "trades", "optionSymbols"):
        if isinstance(tree.get(key), list | dict):
            return tree | {key: _with_rows(tree[key], change)}
    return (change([tree]) or [{}])[0]


def _field(row: Row, fault: Fault) -> str:
    """The field a fault hits in a row."""
    present = (name for name in (*WIRES[fault.venue].fields, "1") if name in row)
    return fault.field or next(present, next(iter(row)))


def _in_every_third(change: Callable[[Row, str, Fault], Row]) -> Callable[[Rows, Fault], Rows]:
    def apply(rows: Rows, fault: Fault) -> Rows:
        return [_in_row(row, change, fault) if i % 3 == 0 else row for i, row in enumerate(rows)]

    return apply


def _in_row(row: Any, change: Callable[[Row, str, Fault], Row], fault: Fault) -> Any:
    """A changed row; the fields of a row that is a list, such as a candle, are called 0, 1, 2."""
    if isinstance(row, list):
        return list(_in_row({str(i): value for i, value in enumerate(row)}, change, fault).values())
    return change(row, _field(row, fault), fault)


def _set(value: Callable[[Any, Fault], Any]) -> Callable[[Rows, Fault], Rows]:
    return _in_every_third(lambda row, name, fault: row | {name: value(row.get(name), fault)})


def _number(word: str, bare: str, fault: Fault) -> str:
    """A number no float holds: a bare word where the venue sends numbers, a string where it sends strings."""
    return word if WIRES[fault.venue].is_text else bare.strip('"')


def _sentinel(fault: Fault) -> float | str:
    value = fault.number(-1.0)
    return f"{value:g}" if WIRES[fault.venue].is_text else value


def _misstated(row: Row, fault: Fault) -> Row:
    """A row in the wrong unit: contracts for coins, a lost multiplier, percent for a fraction."""
    if fault.venue == "deribit" and "open_interest" in row:
        return row | {"open_interest": row["open_interest"] / 7.0}
    if fault.venue == "okx" and "ctMult" in row:
        return row | {"ctMult": "1"}
    if fault.venue == "bybit" and "markIv" in row:
        return row | {"markIv": f"{100 * float(row['markIv']):g}"}
    return row | {"unit": 100} if fault.venue == "binance" and "unit" in row else row


def _renamed(row: Row, _field: str, fault: Fault) -> Row:
    key = WIRES[fault.venue].name
    return row | {key: "NO-SUCH-NAME"} if key in row else row


def _unlisted(rows: Rows, fault: Fault) -> Rows:
    """The rows and one more: a contract like the first one, with a strike that no list of instruments has."""
    key = WIRES[fault.venue].name
    if not rows or key not in rows[0]:
        return rows
    point = "d" if fault.venue == "deribit" else "."
    parts = rows[0][key].split("-")
    at = next(i for i, part in enumerate(parts) if part in ("C", "P")) - 1
    parts[at] = f"{float(parts[at].replace(point, '.')) + 0.125:.3f}".replace(".", point)
    return [*rows, rows[0] | {key: "-".join(parts)}]


_ROWS: dict[str, Callable[[Rows, Fault], Rows]] = {
    "nan": _set(lambda _, fault: _number("NaN", _NAN, fault)),
    "huge_number": _set(lambda _, fault: _number("1e400", _HUGE, fault)),
    "wrong_type": _set(lambda value, _: [value]),
    "missing_field": _in_every_third(lambda row, name, _: {key: row[key] for key in row if key != name}),
    "null_field": _set(lambda *_: None),
    "empty_list": lambda *_: [],
    "half_the_rows": lambda rows, _: rows[: len(rows) // 2],
    "duplicate_rows": lambda rows, _: rows + rows[::3],
    "swapped_units": lambda rows, fault: [_misstated(row, fault) for row in rows],
    "iv_sentinel": _set(lambda _, fault: _sentinel(fault)),
    "unknown_name": _in_every_third(_renamed),
    "new_instrument": _unlisted,
}
_TEXTS: dict[str, Callable[[bytes, Fault], bytes]] = {
    "invalid_json": lambda body, _: body.replace(b":", b"=", 1),
    # not within a number, which would be a malformed one
    "truncated_json": lambda body, _: body[: body.rfind(b'"', 0, len(body) // 2)],
    "oversize": lambda body, fault: body.ljust(int(fault.number(32 * 2**20))),
}
