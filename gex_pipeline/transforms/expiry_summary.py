"""Table `expiry_summary`: per expiry its smile, positions and gamma, and the book with and without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import expiry_type, is_opex
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.ratios import ratio
from gex_pipeline.core.signs import SIGNS
from gex_pipeline.schema.derived import STATUSES
from gex_pipeline.schema.smiles import EXPIRY_TYPES, SUMMARY_STATUSES
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.expiry_flips import zero_gammas
from gex_pipeline.transforms.frames import category, expiry_columns, floats, frame, optional_category
from gex_pipeline.transforms.parts import UP_TO, WITHOUT
from gex_pipeline.transforms.smiles import Smiles

Columns = dict[str, pl.Series | np.ndarray]

_OK, _PARTIAL, _EMPTY = range(len(SUMMARY_STATUSES))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = 0  # the set of all venues


def expiry_summary(book: Book) -> pl.DataFrame:
    """Frame of table `expiry_summary` for all venue sets and expiries of a book."""
    return frame(
        {
            **expiry_columns(book),
            **_calendar(book),
            **_smile(book.smiles),
            **_positions(book),
            **_gamma(book),
            **_flips(book),
        }
    )


def _calendar(book: Book) -> Columns:
    sets, snapshots, expiries = book.expiries.present
    days = [(_EPOCH + timedelta(microseconds=int(us))).date() for us in book.expiries.expiries_us]
    types = np.array([EXPIRY_TYPES.index(expiry_type(day)) for day in days], dtype=np.intp)
    opex = np.array([is_opex(day) for day in days], dtype=bool)
    is_there = np.zeros((*book.is_present.shape, len(days)), dtype=bool)
    is_there[snapshots, sets, expiries] = opex[expiries]
    is_anchor: Bools = opex[expiries] & (is_there.argmax(axis=2)[snapshots, sets] == expiries)
    return {
        "expiry_type": category(types[expiries], EXPIRY_TYPES),
        "is_opex": opex[expiries],
        "is_anchor": is_anchor,
    }


def _smile(smiles: Smiles) -> Columns:
    atm = smiles.atm_iv
    wings = {
        10: (smiles.put_iv_at(0.10), smiles.call_iv_at(0.10)),
        25: (smiles.put_iv_at(0.25), smiles.call_iv_at(0.25)),
    }
    columns: Columns = {"forward_usd": floats(smiles.forward), "atm_iv": floats(atm)}
    for delta in (25, 10):
        columns |= {f"{side}_{delta}d_iv": floats(iv) for side, iv in zip(("put", "call"), wings[delta], strict=True)}
    for delta in (25, 10):
        put, call = wings[delta]
        columns |= {f"skew_{delta}d": floats(put - call), f"butterfly_{delta}d": floats(0.5 * (put + call) - atm)}
    known = ~np.isnan(np.stack([atm, *wings[25], *wings[10]]))
    status = np.where(known.all(axis=0), _OK, np.where(known.any(axis=0), _PARTIAL, _EMPTY))
    return {**columns, "smile_status": category(status, SUMMARY_STATUSES)}


def _positions(book: Book) -> Columns:
    c = book.contracts
    call, put = _sides(book, c.oi)
    is_stated = _sides(book, np.isfinite(c.volume).astype(np.float64))
    volumes = [np.where(n > 0, v, np.nan) for v, n in zip(_sides(book, c.volume), is_stated, strict=True)]
    return {
        "call_oi_coin": floats(call),
        "put_oi_coin": floats(put),
        "put_call_oi_ratio": floats(ratio(put, call)),
        "call_volume_24h_coin": floats(volumes[0]),
        "put_volume_24h_coin": floats(volumes[1]),
        "put_call_volume_ratio": floats(ratio(volumes[1], volumes[0])),
    }


def _sides(book: Book, values: Floats) -> tuple[Floats, Floats]:
    """The calls' and the puts' totals of each row of the table."""
    sets, snapshots, expiries = book.expiries.present
    totals = book.expiries.totals(values)[snapshots, sets, expiries]
    return totals[:, 0], totals[:, 1]


def _gamma(book: Book) -> Columns:
    sets, snapshots, expiries = book.expiries.present
    call, put = SIGNS["naive"]
    sides = book.expiries.totals(book.contracts.gex)
    net, gross = call * sides[..., 0] + put * sides[..., 1], sides.sum(axis=3)
    others = net.sum(axis=2, keepdims=True) - net
    where = (snapshots, sets, expiries)
    return {
        "call_gex_usd": floats(call * sides[where][:, 0]),
        "put_gex_usd": floats(put * sides[where][:, 1]),
        "net_gex_usd": floats(net[where]),
        "gross_gex_usd": floats(gross[where]),
        "share_of_gross": floats(ratio(gross[where], gross.sum(axis=2)[snapshots, sets])),
        "net_gex_without_usd": floats(others[where]),
    }


def _flips(book: Book) -> Columns:
    sets, snapshots, expiries = book.expiries.present
    value, status = zero_gammas(book)
    is_whole = sets == _WHOLE
    columns: Columns = {}
    for name, part in (("without", WITHOUT), ("to", UP_TO)):
        codes: Ints = np.where(is_whole, status[part, snapshots, expiries], -1)
        columns[f"zero_gamma_{name}_usd"] = floats(value[part, snapshots, expiries], ~is_whole)
        columns[f"zero_gamma_{name}_status"] = optional_category(codes, STATUSES)
    return columns
