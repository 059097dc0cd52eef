"""The morning table: a line per coin, on a terminal and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group
from rich.text import Text

from gex_pipeline import __version__
from gex_pipeline.present import text
from gex_pipeline.present.documents import time_text
from gex_pipeline.present.exports import plain
from gex_pipeline.present.stand import Stand
from gex_pipeline.present.tables import plain_table

_NUMBERS = ("spot", "net GEX", "flip", "away", "premium", "z", "rolls off")
_COLUMNS = (
    *("spot", "net GEX", "regime", "confidence", "flip", "away"),
    *("premium", "z", "cell", "OPEX", "rolls off", "age", "since a day before"),
)
_NOTES = (
    "signs naive (dealers long calls, short puts); confidence is the distance to the flip, no more",
    "*: of several flips the headline one; a nearer change of sign may be in flip_zones",
    "z: of the premium, among the snapshots of at most a year, most of whose 30 days are shared",
    "cells are labels and no advice: z of 1 and more A (premium paradise) in positive gamma, else B (tempting trap);",
    "less C (grind) in positive gamma, else D (no trade)",
)


def scan_table(stands: Iterable[Stand], *, is_synthetic: bool) -> Group:
    """A row per coin with what has changed in a day, and below it what to doubt and why something is missing."""
    table = plain_table("", *_COLUMNS)
    for column in table.columns:
        column.justify = "right" if column.header in _NUMBERS else "left"
    notes = [Text("SYNTHETIC DATA: no market's prices", style="magenta")] if is_synthetic else []
    notes += [Text(line, style="dim") for line in _NOTES]
    for stand in stands:
        table.add_row(stand.underlying, *_cells(stand), ", ".join(stand.changes()))
        notes += [Text(f"{stand.underlying}: {reason}", style="dim") for reason in stand.reasons()]
    return Group(table, "", *notes)


def _cells(stand: Stand) -> list[str | Text]:
    now, age = stand.now, text.age(stand.age_seconds)
    return [
        text.price(now["spot_usd"]),
        text.amount(now["net_gex_usd"], is_signed=True),
        now["regime"] or "none",
        now["confidence"] or "",
        f"{text.price(now['zero_gamma_usd'])}{'*' if now['zero_gamma_status'] == 'multiple' else ''}"
        if now["zero_gamma_usd"]
        else now["zero_gamma_status"],
        "" if now["zero_gamma_usd"] is None else text.percent(now["zero_gamma_usd"] / now["spot_usd"] - 1.0),
        _signed(now["vrp_vol_pts"], " pts"),
        _signed(now["vrp_z"]),
        now["cell"] or "",
        "" if now["opex_at"] is None else f"{text.day(now['opex_at'])} {now['opex_type']}",
        "" if now["opex_share"] is None else f"{now['opex_share']:.0%}".replace("%", " %"),
        Text(f"{age}, stale", style="red") if stand.is_stale else age,
    ]


def _signed(value: float | None, unit: str = "") -> str:
    """One decimal with its sign; empty when missing."""
    return "" if value is None else f"{value:+.1f}{unit}"


def scan_document(
    stands: Mapping[str, Stand],
    missing: Mapping[str, str],
    at: datetime,
    now: datetime,
    request_id: str,
    *,
    is_synthetic: bool,
) -> dict[str, Any]:
    """The document of `gex scan --json`: a missing number is null; ``missing`` gives the reason in one line."""
    meta = {"version": __version__, "timestamp": time_text(now), "as_of": time_text(at), "request_id": request_id}
    meta |= {"sign_model": "naive", "is_synthetic": is_synthetic}
    results = {name: _result(stand) for name, stand in stands.items()}
    return {"data": {"results": results, "missing": dict(missing)}, "meta": meta, "success": bool(results)}


def _result(stand: Stand) -> dict[str, Any]:
    return {
        **plain(stand.now),
        "before_at": time_text(stand.before["snapshot_at"] if stand.before else None),
        "age_seconds": stand.age_seconds,
        "is_stale": stand.is_stale,
        "changes": list(stand.changes()),
        "reasons": list(stand.reasons()),
    }
