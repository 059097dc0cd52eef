"""Answers -> the JSON documents of `--json`: fixed keys, plain types, missing numbers null.

Belongs here: the shape of the documents. Not: which snapshot answers a question, and no clock: the time of the
document and its id are arguments.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from gex_pipeline import __version__
from gex_pipeline.present import strikes
from gex_pipeline.present.answer import Answer
from gex_pipeline.present.choices import Expiry

Document = dict[str, Any]

LEVELS_ALL_EXPIRY = (
    "hvl",
    "zero_gamma",
    "call_resistance",
    "call_wall_2",
    "call_wall_3",
    "put_support",
    "put_wall_2",
    "put_wall_3",
)
LEVELS_ODTE = ("hvl", "zero_gamma", "call_resistance", "put_support")

_BANDS = ("upper_1sd", "lower_1sd", "upper_2sd", "lower_2sd")


def levels_document(answer: Answer, include: Collection[str], now: datetime, request_id: str) -> Document:
    """The document of `gex levels --json`; ``include`` names the optional sections."""
    values = {(r["scope"], r["level"]): number(r["value_usd"]) for r in answer.levels.iter_rows(named=True)}
    data: Document = {
        "all_expiry": {level: values.get(("all_expiry", level)) for level in LEVELS_ALL_EXPIRY},
        "odte": {level: values.get(("odte", level)) for level in LEVELS_ODTE},
    }
    data |= {key: build(answer) for name, (key, build) in _SECTIONS.items() if name in include}
    return _document(data, answer, now, request_id)


def profile_document(answer: Answer, expiry: Expiry, now: datetime, request_id: str) -> Document:
    """The document of `gex profile --json`: sums per strike of all expiries, of ``odte``, or of one date."""
    rows = strikes.per_strike(strikes.of_expiry(answer.exposure, answer.snapshot_at, expiry))
    data = {
        "expiry": expiry.isoformat() if isinstance(expiry, date) else expiry,
        "strikes": [_renamed(r, "strike_usd", *strikes.SUMS) for r in rows.iter_rows(named=True)],
        "ranked_top_10": _ranked_rows(strikes.largest(rows, answer.spot_usd)),
    }
    return _document(data, answer, now, request_id)


def heatmap_document(answer: Answer, now: datetime, request_id: str) -> Document:
    """The document of `gex heatmap --json`: rows = strikes, columns = expiries, null = nothing known."""
    strike, expiries, net = strikes.grid(answer.exposure)
    data = {
        "strikes": strike.tolist(),
        "expiries": [time_text(e) for e in expiries],
        "net_gex_usd": [[number(v) for v in row] for row in net.tolist()],
    }
    return _document(data, answer, now, request_id)


def bundle_document(
    results: Mapping[str, Document],
    missing: Mapping[str, str],
    invalid: Sequence[str],
    requested: Sequence[str],
    now: datetime,
    request_id: str,
) -> Document:
    """The document of `gex bundle --json`: one levels document per underlying that could be served.

    ``requested`` and ``invalid`` hold the words as typed; ``missing`` gives the reason in one line.
    """
    data = {
        "results": dict(results),
        "requested": list(requested),
        "served": list(results),
        "missing": dict(missing),
        "invalid": list(invalid),
    }
    meta = {"version": __version__, "timestamp": time_text(now), "request_id": request_id}
    return {"data": data, "meta": meta, "success": bool(results)}


def number(value: float | None) -> float | None:
    """The value, or null where it is missing or not finite: JSON has no NaN, missing is never 0, and 0 has no sign."""
    return value + 0.0 if value is not None and math.isfinite(value) else None


def time_text(value: datetime | None) -> str | None:
    """ISO 8601 with Z; None stays None."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _document(data: Document, answer: Answer, now: datetime, request_id: str) -> Document:
    return {"data": data, "meta": _meta(answer, now, request_id), "success": True}


def _meta(answer: Answer, now: datetime, request_id: str) -> Document:
    return {
        "version": __version__,
        "timestamp": time_text(now),
        "request_id": request_id,
        "symbol": answer.underlying,
        "spot_price": number(answer.spot_usd),
        "computed_at": time_text(answer.snapshot_at),
        "freshness_seconds": number(answer.age_seconds),
        "source": list(answer.venues),
        "exchanges_filtered": list(answer.filters.get("venues") or ()),
        "extra": _extra(answer),
    }


def _extra(answer: Answer) -> Document:
    status = {
        (r["level"] if r["scope"] == "all_expiry" else f"{r['scope']}.{r['level']}"): r["status"]
        for r in answer.levels.iter_rows(named=True)
    }
    return {
        "status": status,
        "sign_model": answer.sign_model,
        "scope_filters": {k: v for k, v in answer.filters.items() if k != "venues"},
        "is_stale": answer.is_stale,
        "is_synthetic": answer.is_synthetic,
        "absent_venues": list(answer.absent_venues),
        "snapshot_at": time_text(answer.snapshot_at),
        "knowledge_time": time_text(answer.knowledge_time),
        **({"coverage": _coverage(answer.coverage)} if answer.coverage is not None else {}),
    }


def _coverage(coverage: pl.DataFrame) -> Document:
    row = coverage.row(0, named=True)
    names = ("share_of_oi", "share_of_contracts", "hours_without_trades", "is_reconstructed", "status")
    return {"first_trade_at": time_text(row["first_trade_at"]), **{name: row[name] for name in names}}


def _ranked(answer: Answer) -> Document:
    rows = answer.ranked.sort("rank")
    return {f"{scope}_top_10": _ranked_rows(rows.filter(pl.col("scope") == scope)) for scope in ("all_expiry", "odte")}


def _ranked_rows(rows: pl.DataFrame) -> list[Document]:
    columns = ("strike_usd", "net_gex_usd", "call_gex_usd", "put_gex_usd")
    return [_renamed(r, *columns) for r in rows.iter_rows(named=True)]


def _renamed(row: Mapping[str, Any], *columns: str) -> Document:
    return {("strike" if c == "strike_usd" else c): number(row[c]) for c in columns}


def _front(frame: pl.DataFrame | None, columns: Sequence[str]) -> Document:
    """The row of the nearest expiry; all null when there is none."""
    if frame is None or frame.is_empty():
        return dict.fromkeys(("expiry_at", *columns))
    return frame.sort("expiry_at").row(0, named=True)


def _max_pain(answer: Answer) -> Document:
    row = _front(answer.max_pain, ("strike_usd", "payout_usd"))
    return {
        "strike": number(row["strike_usd"]),
        "value": number(row["payout_usd"]),
        "expiry": time_text(row["expiry_at"]),
    }


def _expected_move(answer: Answer) -> Document:
    row = _front(answer.expected_move, _BANDS)
    return {band: number(row[band]) for band in _BANDS} | {"expiry": time_text(row["expiry_at"])}


def _zones(answer: Answer) -> list[Document]:
    rows = answer.flip_zones.filter(pl.col("scope") == "all_expiry").sort("price_usd")
    return [
        {"price": number(r["price_usd"]), "direction": r["direction"], "slope": number(r["slope_usd"])}
        for r in rows.iter_rows(named=True)
    ]


def _spot(answer: Answer) -> Document:
    return {"spot_price": number(answer.spot_usd), "perps_price": number(answer.perps_usd)}


def _candles(answer: Answer) -> list[Document]:
    if answer.candles is None:
        return []
    return [
        {
            "datetime": time_text(r["open_at"]),
            **{name: number(r[name]) for name in ("open", "high", "low", "close")},
            "volume": number(r["volume_coin"]),
        }
        for r in answer.candles.sort("open_at").iter_rows(named=True)
    ]


#: Word of ``--include`` -> (key in the document, what builds it), in the order of the document.
_SECTIONS = {
    "ranked": ("ranked", _ranked),
    "max_pain": ("max_pain", _max_pain),
    "expected_move": ("expected_move", _expected_move),
    "zones": ("gamma_flip_zones", _zones),
    "spot": ("spot", _spot),
    "candles": ("candles", _candles),
}
