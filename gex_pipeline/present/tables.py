"""Answers -> rich tables for a terminal of 80 columns.

Belongs here: levels, profile, heatmap. Not: where they are printed. A null is shown as its status, never as 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gex_pipeline.present import strikes, text
from gex_pipeline.present.answer import Answer
from gex_pipeline.present.choices import Expiry
from gex_pipeline.present.main_levels import HEADINGS, LevelCell, level_cell, main_levels
from gex_pipeline.schema.derived import LEVELS_ODTE

BAR_WIDTH = 12
LAST_CANDLES = 12
_MARKS = {"multiple": ("*", "more than one crossing; the one the definition picks"), "edge": ("!", "at the edge")}


def levels_table(answer: Answer, include: Collection[str] = ()) -> Group:
    """Every level of both scopes with its distance from spot, then the included sections."""
    table = plain_table("level", "all expiries", "away", "strength", "0DTE", "away")
    rows = {(r["scope"], r["level"]): r for r in answer.levels.iter_rows(named=True)}
    for level in (name for name in LEVELS_ODTE if ("odte", name) in rows or ("all_expiry", name) in rows):
        whole, odte = (_level_cells(rows.get((scope, level)), answer.spot_usd) for scope in ("all_expiry", "odte"))
        table.add_row(level, *whole, *odte[:2])
    statuses = set(answer.levels["status"].cast(pl.String).to_list())
    notes = [Text(f"{mark} {meaning}", style="dim") for s, (mark, meaning) in _MARKS.items() if s in statuses]
    sections = [part for word, build in _SECTIONS.items() if word in include for part in ("", build(answer))]
    whole = answer.levels.filter(pl.col("scope") == "all_expiry")
    net = None if whole.is_empty() else float(whole["net_gex_usd"][0])
    return Group(headline(answer, net), "", table, *notes, *sections)


def levels_now(answers: Mapping[str, Answer]) -> Group:
    """A row per coin: spot, net GEX, flip and nearest walls with their distance."""
    shown = next(iter(answers.values()))
    table = plain_table("", "spot", "net GEX", *(w for name in HEADINGS for w in (name, "away")))
    for coin, answer in answers.items():
        spot, net, levels = main_levels(answer)
        table.add_row(coin, spot, net, *(word for cell in levels for word in _marked(cell)))
    return Group(f"{text.instant(shown.snapshot_at)}  all venues, all expiries, USD per 1 % move", "", table)


def profile_table(answer: Answer, expiry: Expiry = "all") -> Group:
    """Calls, puts and net per strike near spot, with a bar for net."""
    rows = strikes.per_strike(strikes.of_expiry(answer.exposure, answer.snapshot_at, expiry))
    near = rows.filter(strikes.shown(answer, rows["strike_usd"].to_numpy()))
    table = plain_table("strike", "calls", "puts", "net", "call OI", "put OI")
    table.add_column("", no_wrap=True, min_width=BAR_WIDTH)
    largest = float(near["net_gex_usd"].abs().max() or 0.0) if near.height else 0.0  # pyright: ignore[reportArgumentType]
    is_spot_due = True
    for row in near.sort("strike_usd", descending=True).iter_rows(named=True):
        if is_spot_due and row["strike_usd"] < answer.spot_usd:
            table.add_row(Text(f"{text.price(answer.spot_usd)}", style="bold cyan"), Text("spot", style="bold cyan"))
            is_spot_due = False
        table.add_row(*_strike_cells(row), _bar(row["net_gex_usd"], largest))
    return Group(
        headline(answer, _total(rows["net_gex_usd"].to_numpy()), f"expiry {expiry}"),
        "",
        table,
        _left_out(rows.height - near.height, "strike"),
    )


def heatmap_table(answer: Answer, columns: int = 8) -> Group:
    """Net exposure of the nearest expiries by strike near spot."""
    strike, expiries, net = strikes.grid(answer.exposure)
    shown = expiries[:columns]
    is_near = strikes.shown(answer, strike)
    is_near &= np.isfinite(net[:, : len(shown)]).any(axis=1) if shown else False
    table = plain_table("strike", *(text.day(e) for e in shown))
    for price, row in reversed(list(zip(strike[is_near].tolist(), net[is_near].tolist(), strict=True))):
        table.add_row(text.price(price), *(_signed(v, separator="") for v in row[: len(shown)]))
    hidden = (len(strike) - int(is_near.sum()), "strike"), (len(expiries) - len(shown), "expiry")
    return Group(headline(answer, _total(net)), "", table, *(_left_out(n, what) for n, what in hidden))


def bundle_table(documents: Mapping[str, Mapping[str, Any]]) -> Table:
    """One line per underlying out of its levels document."""
    table = plain_table("coin", "spot", "zero gamma", "hvl", "call res.", "put sup.", "age", "")
    for name, document in documents.items():
        values, meta = document["data"]["all_expiry"], document["meta"]
        status = meta["extra"]["status"]
        shown = (
            text.price(values[level]) or status.get(level, "")
            for level in ("zero_gamma", "hvl", "call_resistance", "put_support")
        )
        stale = Text("STALE", style="red") if meta["extra"]["is_stale"] else ""
        table.add_row(name, text.price(meta["spot_price"]), *shown, text.age(meta["freshness_seconds"]), stale)
    return table


def headline(answer: Answer, net_gex_usd: float | None, *more: str) -> Text:
    """What was asked, of when, from whom, in which unit."""
    first = [answer.underlying, text.instant(answer.snapshot_at), ", ".join(answer.venues), *more]
    second = [f"spot {text.price(answer.spot_usd)} USD"]
    second += (
        [f"net GEX {text.amount(net_gex_usd, is_signed=True)} USD per 1 % move"] if net_gex_usd is not None else []
    )
    second += [f"signs {answer.sign_model}", f"age {text.age(answer.age_seconds)}"]
    line = Text("  ".join(first), style="bold")
    line.append("  STALE", style="red") if answer.is_stale else None
    line.append("  SYNTHETIC", style="magenta") if answer.is_synthetic else None
    return line.append("\n".join(["", "  ".join(second), *_explained(answer)]), style="not bold")


def _explained(answer: Answer) -> list[str]:
    """How much of the book signs from trades are of: a line where they are."""
    share = None if answer.coverage is None else answer.coverage["share_of_oi"][0]
    return [] if share is None else [f"trades explain {share:.0%} of open interest".replace("%", " %")]


def _level_cells(row: dict[str, Any] | None, spot_usd: float) -> tuple[RenderableType, ...]:
    cell = level_cell(row, spot_usd)
    return *_marked(cell), _signed(row["strength_usd"]) if row and cell.away else ""


def _marked(cell: LevelCell) -> tuple[RenderableType, str]:
    mark = _MARKS.get(cell.status, ("", ""))[0]
    return f"{cell.value}{mark}" if cell.away else Text(cell.value, style="dim"), cell.away


def _strike_cells(row: dict[str, Any]) -> Iterable[RenderableType]:
    yield text.price(row["strike_usd"])
    yield from (_signed(row[c]) for c in ("call_gex_usd", "put_gex_usd", "net_gex_usd"))
    yield from (text.amount(row[c]) for c in ("call_oi_coin", "put_oi_coin"))


def _total(net: NDArray[np.float64]) -> float | None:
    """Sum of what is known; None where there are cells, and all are NaN."""
    return None if net.size and np.isnan(net).all() else float(np.nansum(net))


def _bar(value: float | None, largest: float) -> Text:
    """Length = |value| / largest, in characters; empty when missing."""
    if not value or not largest:
        return Text("")
    length = round(BAR_WIDTH * abs(value) / largest)
    return Text(("+" if value > 0 else "-") * length, style=_style(value))


def _signed(value: float | None, separator: str = " ") -> Text:
    return Text(text.amount(value, separator), style=_style(value), justify="right")


def _style(value: float | None) -> str:
    return "" if not value else "green" if value > 0 else "red"


def _left_out(count: int, what: str) -> RenderableType:
    plural = {"strike": "strikes", "expiry": "expiries"}[what]
    return Text(f"{count} more {what if count == 1 else plural}: see --json", style="dim") if count else ""


def plain_table(first: str, *others: str, title: str | None = None) -> Table:
    """Make an empty table: words to the left in the first column, numbers to the right in the others."""
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        title=title,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _ranked(answer: Answer) -> Group:
    return Group(_ranked_scope(answer.ranked, "all_expiry"), "", _ranked_scope(answer.ranked, "odte"))


def _ranked_scope(ranked: pl.DataFrame, scope: str) -> Table:
    table = plain_table("strike", "net", "calls", "puts", title=f"largest strikes, {scope}")
    for row in ranked.filter(pl.col("scope") == scope).sort("rank").iter_rows(named=True):
        table.add_row(text.price(row["strike_usd"]), *(_signed(row[f"{c}_gex_usd"]) for c in ("net", "call", "put")))
    return table


def _max_pain(answer: Answer) -> Table:
    table = plain_table("expiry", "max pain", "away", "payout", "in coins", title="max pain")
    for row in answer.max_pain.sort("expiry_at").iter_rows(named=True):
        value = row["strike_usd"]
        cells = (
            (row["status"], "", "", "")
            if value is None
            else (
                text.price(value),
                text.percent(value / answer.spot_usd - 1),
                text.amount(row["payout_usd"]),
                text.price(row["strike_coin_usd"]),
            )
        )
        table.add_row(text.day(row["expiry_at"]), *cells)
    return table


def _expected_move(answer: Answer) -> Table:
    columns = ("lower_2sd", "lower_1sd", "forward_usd", "upper_1sd", "upper_2sd")
    table = plain_table("expiry", "-2 sd", "-1 sd", "forward", "+1 sd", "+2 sd", "ATM IV", title="expected move")
    for row in answer.expected_move.sort("expiry_at").iter_rows(named=True):
        bands = [text.price(row[c]) or row["status"] for c in columns]
        iv = "" if row["atm_iv"] is None else f"{row['atm_iv']:.1%}".replace("%", " %")
        table.add_row(text.day(row["expiry_at"]), *bands, iv)
    return table


def _zones(answer: Answer) -> Table:
    table = plain_table("flip", "away", "direction", "slope", title="gamma flips, all expiries")
    rows = answer.flip_zones.filter(pl.col("scope") == "all_expiry").sort("price_usd", descending=True)
    for row in rows.iter_rows(named=True):
        away = text.percent(row["price_usd"] / answer.spot_usd - 1)
        table.add_row(text.price(row["price_usd"]), away, row["direction"], _signed(row["slope_usd"]))
    return table


def _spot(answer: Answer) -> Text:
    return Text(f"spot {text.price(answer.spot_usd)} USD; no perpetual price is stored")


def _candles(answer: Answer) -> RenderableType:
    if answer.candles is None or answer.candles.is_empty():
        return Text("no candles are stored up to 1h for this underlying", style="dim")
    table = plain_table(
        "open at (UTC)",
        "open",
        "high",
        "low",
        "close",
        "volume",
        title=f"candles, the last {LAST_CANDLES}: --json has more",
    )
    for row in answer.candles.sort("open_at").tail(LAST_CANDLES).iter_rows(named=True):
        opened: datetime = row["open_at"]
        prices = (text.price(row[c]) for c in ("open", "high", "low", "close"))
        table.add_row(f"{opened:%m-%d %H:%M}", *prices, text.amount(row["volume_coin"]))
    return table


#: Word of ``--include`` -> what prints it.
_SECTIONS = {
    "ranked": _ranked,
    "max_pain": _max_pain,
    "expected_move": _expected_move,
    "zones": _zones,
    "spot": _spot,
    "candles": _candles,
}
