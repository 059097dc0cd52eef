"""OKX's answers -> the cells of a coin's chain. Pure.

No answer has everything: they are joined by name, and a contract that one of them lacks keeps its row. Open interest is
taken in coins (``oiCcy``) and checked against contracts x size. Venue time is that of volatility and forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce

import polars as pl

from gex_pipeline.core.instruments import parse
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.venues.base import Answers, Book, Reply, VenueError
from gex_pipeline.venues.bodies import is_of
from gex_pipeline.venues.guards import Finding
from gex_pipeline.venues.okx import checks, wire
from gex_pipeline.venues.stated import unexpired

MAPPING = mapping_from(
    {
        "venue": "okx",
        "chain": {
            "received_at": {"column": "received_at", "format": "us"},
            "venue_time": {"column": "ts", "format": "ms"},
            "instrument": {"column": "instId", "grammar": "okx"},
            "open_interest_coin": {"column": "oiCcy", "unit": "coin"},
            "contract_size_coin": "contract_size",
            "volume_24h_coin": {"column": "volume_coin", "unit": "coin"},
            "mark_iv": {"column": "markVol", "unit": "fraction"},
            "bid_iv": {"column": "bidVol", "unit": "fraction"},
            "ask_iv": {"column": "askVol", "unit": "fraction"},
            "forward_usd": "fwdPx",
            "index_usd": "idxPx",
            "settlement_estimate_usd": "settlePx",
            "mark_usd": {"column": "markPx", "unit": "by_settlement"},
            "bid_usd": {"column": "bidPx", "unit": "by_settlement"},
            "ask_usd": {"column": "askPx", "unit": "by_settlement"},
        },
    },
    name="okx-rest",
)
_MICROSECONDS = 1_000_000
_NAME, _EXPIRY = "instId", "expiry"


def book(answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
    """The rows of a coin, None where the venue has no options of it. Raises ``VenueError`` for a missing answer."""
    names = _names(answers)
    if names and not any(is_of(coin, name) for name in names):
        return None
    quotes, marks = answers.get(wire.tickers()), answers.get(wire.mark_prices())
    if not names:
        raise VenueError(f"{quotes.request.label}: has no option of any coin")
    families = wire.families(names, coin)
    listings = [answers.get(wire.instruments(family)) for family in families]
    tables = {
        "quotes": _table(coin, [quotes], wire.Ticker),
        "marks": _table(coin, [marks], wire.Mark),
        "open interest": _table(coin, [answers.get(wire.open_interest(f)) for f in families], wire.Interest),
        "volatilities": _table(coin, [answers.get(wire.summary(f)) for f in families], wire.Summary),
        "instruments": _alive(_table(coin, listings, wire.Listed), listings, snapshot_at),
    }
    index = _index(answers.get(wire.index(coin)), coin)
    estimates, trouble = _estimates(answers, coin, names)
    frame = _joined(tables, index, estimates)
    at = max(snapshot_at, quotes.received_at)
    live, sent = (unexpired("okx", names, at) for names in (tables["instruments"][_NAME], frame[_NAME]))
    return Book(frame, MAPPING, live, [*checks.findings(tables, index, frame, families, live, sent), *trouble])


def _names(answers: Answers) -> dict[str, datetime]:
    """Every option that the venue names, and when: a coin without one is not listed, be one of two answers missing."""
    replies = [answers.find(request) for request in (wire.tickers(), wire.mark_prices())]
    return {name: reply.received_at for reply in replies if reply is not None for name in wire.names(reply)}


def _table(coin: str, replies: Sequence[Reply], kind: type[wire.RowT]) -> pl.DataFrame:
    """The rows of a coin in some answers as they were sent, and `received`, microseconds."""
    found = [(row, reply) for reply in replies for row in wire.rows(reply, kind) if is_of(coin, row.inst_id)]
    fields = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    cells = {sent: [getattr(row, name) for row, _ in found] for name, sent in fields}
    received = [round(reply.received_at.timestamp() * _MICROSECONDS) for _, reply in found]
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    return frame.with_columns(received=pl.Series(received, dtype=pl.Int64))


def _alive(listed: pl.DataFrame, replies: Sequence[Reply], snapshot_at: datetime) -> pl.DataFrame:
    """Without the contracts that have expired since a list was kept: the venue has not sent them this time."""
    if not any(reply.is_kept for reply in replies):
        return listed
    over = [name for name in listed[_NAME] if (c := parse("okx", name)) is not None and c.expiry_at <= snapshot_at]
    return listed.filter(~pl.col(_NAME).is_in(over))


def _estimates(answers: Answers, coin: str, names: Mapping[str, datetime]) -> tuple[pl.DataFrame, Sequence[Finding]]:
    """What expiries of a coin will settle at, for all of their contracts. One that is missing costs no snapshot."""
    found, trouble = [_table(coin, [], wire.Estimate)], list[Finding]()
    for name in wire.settling(names, coin):
        try:
            found.append(_table(coin, [answers.get(wire.estimated_price(name))], wire.Estimate).head(1))
        except VenueError as error:
            trouble.append(Finding("settlement_estimate", "warning", str(error)))
    table = pl.concat(found)
    expiry = pl.Series(_EXPIRY, map(wire.expiry_of, table[_NAME]), dtype=pl.String)
    return table.drop(_NAME).rename({"received": "received estimates"}).with_columns(expiry), trouble


def _index(reply: Reply, coin: str) -> pl.DataFrame:
    """The row of the coin's index. Raises ``VenueError`` where it has no price: every gamma is compared with it."""
    found = _table(coin, [reply], wire.Index).filter(pl.col(_NAME) == f"{coin}-USD").head(1)
    price = found["idxPx"].item() if found.height else ""
    if not float(price or 0) > 0:
        raise VenueError(f"{reply.request.label}: idxPx of {coin}-USD is {price!r}, no price")
    return found


def _joined(tables: Mapping[str, pl.DataFrame], index: pl.DataFrame, estimates: pl.DataFrame) -> pl.DataFrame:
    """A row per name of any table; known once the last of the answers that have it was received."""
    names = pl.concat(table.select(_NAME) for table in tables.values()).unique().sort(_NAME)
    received = [f"received {what}" for what in (*tables, "estimates")]
    frame = reduce(_beside, (_columns(what, table) for what, table in tables.items()), names)
    expiry = pl.Series(_EXPIRY, map(wire.expiry_of, frame[_NAME]), dtype=pl.String)
    frame = frame.with_columns(expiry).join(estimates, on=_EXPIRY, how="left", maintain_order="left")
    size = checks.number("ctVal") * checks.number("ctMult")  # ctVal alone is 1 everywhere
    return frame.with_columns(
        received_at=pl.max_horizontal(*received, pl.lit(index["received"].item())),
        idxPx=pl.lit(index["idxPx"].item()),
        contract_size=size,
        volume_coin=checks.number("vol24h") * size,
    ).drop(*received, _EXPIRY)


def _columns(what: str, table: pl.DataFrame) -> pl.DataFrame:
    """A table whose columns are no other's: of the times, that of the volatilities stays."""
    table = table.rename({"received": f"received {what}"})
    return table if what == "volatilities" else table.drop("ts", strict=False)


def _beside(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    return left.join(right, on=_NAME, how="left", maintain_order="left")
