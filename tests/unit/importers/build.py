"""Small files and mappings for the importer tests. Not here: expectations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from gex_pipeline.importers import READERS, Imported, Options
from gex_pipeline.importers.mapping import mapping_from

HEADER = ("at", "name", "fwd", "mark", "bid", "ask", "iv", "oi")
#: A usable row of deribit, BTC inverse, nine days before its expiry.
ROW = {
    "at": "2026-01-01T00:00:00Z",
    "name": "BTC-10JAN26-100000-C",
    "fwd": "100000",
    "mark": "0.02",
    "bid": "0.019",
    "ask": "0.021",
    "iv": "50",
    "oi": "3",
}
CHAIN = {
    "received_at": {"column": "at", "format": "iso"},
    "instrument": {"column": "name", "grammar": "deribit"},
    "forward_usd": "fwd",
    "mark_usd": {"column": "mark", "unit": "by_settlement"},
    "bid_usd": {"column": "bid", "unit": "by_settlement"},
    "ask_usd": {"column": "ask", "unit": "by_settlement"},
    "mark_iv": {"column": "iv", "unit": "percent"},
    "open_interest_coin": "oi",
}


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; the header is the keys of the first."""
    lines = [",".join(rows[0])] + [",".join(str(v) for v in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def row(**changes: Any) -> dict[str, Any]:
    """The usable row with some cells changed."""
    return {**ROW, **changes}


def chain_of(
    folder: Path, rows: list[dict[str, Any]], section: dict[str, Any] | None = None, options: Any = None, **top: Any
) -> Imported:
    """Import rows through a file and a mapping whose section is CHAIN with some columns changed (None removes)."""
    path = folder / "rows.csv"
    path.write_text(csv_text(rows))
    words = {k: v for k, v in {**CHAIN, **(section or {})}.items() if v is not None}
    mapping = mapping_from({"venue": "deribit", **top, "chain": words}, "test")
    return READERS["chain"](path, Options(mapping=mapping, **(options or {})))


def good(imported: Imported) -> pl.DataFrame:
    """Its `chain`."""
    return imported.tables["chain"]


def reasons(imported: Imported) -> list[str]:
    """The reasons in its `chain_rejected`."""
    return imported.tables["chain_rejected"]["reason"].to_list()
