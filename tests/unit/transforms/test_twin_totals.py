"""Table `exposure_totals` against its slow twin, the view `exposure` and the levels of the same book."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gex_pipeline.core.exposures import greeks
from gex_pipeline.schema import EXPOSURE_TOTALS
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.exposure_totals import exposure_totals
from gex_pipeline.transforms.levels import levels
from tests.slow import black76 as slow
from tests.slow.books import BOOKS, rows_of
from tests.slow.compare import SCOPES, scoped
from tests.slow.exposure import Row, contract_exposures, spot, totals
from tests.slow.frames import as_plain, assert_declared, chain_frame, venue_sets
from tests.slow.levels import select
from tests.views import exposure

pytestmark = pytest.mark.filterwarnings("error")


def found(rows: list[Row], venues: str = "all", scope: str = "all_expiry") -> dict[str, Any]:
    (row,) = scoped(exposure_totals(Book.from_chain(chain_frame(rows))), venues, scope).rows(named=True)
    return row


@pytest.mark.parametrize("name", BOOKS)
def test_every_sum_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = exposure_totals(Book.from_chain(chain_frame(rows)))
    assert_declared(EXPOSURE_TOTALS, frame)
    assert frame.height == 2 * len(venue_sets(rows))
    for venues, part in venue_sets(rows).items():
        for scope in SCOPES:
            (row,) = scoped(frame, venues, scope).rows(named=True)
            kept = select(part, scope)
            sizes = [{k: abs(v) for k, v in contract_exposures(r).items()} for r in kept]
            assert row["spot_usd"] == pytest.approx(spot(part), rel=1e-14)
            for column, value in totals(kept).items():
                size = sum(s["gex_usd" if "gex" in column else column] for s in sizes)
                assert row[column] == pytest.approx(value, rel=0, abs=1e-10 * size + 1e-12), (venues, scope, column)


@pytest.mark.parametrize("name", ["four_venues", "six_expiries", "one_minute_venues"])
def test_they_are_the_sums_of_the_view(name: str) -> None:
    rows = BOOKS[name]()
    cells = as_plain(exposure(chain_frame(rows)))
    for venues in venue_sets(rows):
        mine = cells if venues == "all" else cells.filter(venue=venues)
        row = found(rows, venues)
        for column in (n for n in EXPOSURE_TOTALS.names if n.endswith("_usd") and n != "spot_usd"):
            size = float(mine[column].abs().sum())
            assert row[column] == pytest.approx(float(mine[column].sum()), rel=0, abs=1e-10 * size), (venues, column)


@pytest.mark.parametrize("name", ["four_venues", "no_odte", "zero_open_interest"])
def test_gamma_is_that_of_the_levels_to_the_last_bit(name: str) -> None:
    book = Book.from_chain(chain_frame(BOOKS[name]()))
    of_levels = as_plain(levels(book)).filter(level="zero_gamma").select("venues", "scope", "spot_usd", "net_gex_usd")
    assert as_plain(exposure_totals(book)).select(of_levels.columns).equals(of_levels)


def test_the_adjusted_greeks_are_their_definitions() -> None:
    """delta - V/F, vanna - vega/F, charm - theta/F, far in and out of the money too."""
    f, t, s = 100.0, 0.05, 0.6
    for k in (40.0, 80.0, 100.0, 123.0, 300.0):
        for kind in "CP":
            one = np.ones(1)
            g = greeks(f * one, k * one, t * one, s * one, np.array([kind == "C"]), np.array([True]))
            assert g.delta_pa[0] == pytest.approx(
                slow.delta(f, k, t, s, kind) - slow.price(f, k, t, s, kind) / f, abs=1e-12
            )
            assert g.vanna_pa[0] == pytest.approx(slow.vanna(f, k, t, s) - slow.vega(f, k, t, s) / f, abs=1e-12)
            assert g.charm_pa[0] == pytest.approx(slow.charm(f, k, t, s) - slow.theta(f, k, t, s) / f, abs=1e-12)


def test_a_call_by_hand() -> None:
    """One at-the-forward call of 2 coins, settled in dollars: delta above one half, vanna of the sign of -d2."""
    rows = rows_of([(100.0, "C", 2.0)], settlement="linear")
    row, t = found(rows), rows[0]["tenor_years"]
    half = slow.cdf(0.25 * t**0.5)
    assert row["dex_usd"] == pytest.approx(2.0 * 100.0 * half)
    assert row["vex_usd"] > 0 > row["chex_usd"]
    assert (row["dex_pa_usd"], row["vex_pa_usd"]) == (row["dex_usd"], row["vex_usd"])


def test_equal_rows_give_equal_sums() -> None:
    rows = BOOKS["two_venues"]()
    book, again = (Book.from_chain(chain_frame(r)) for r in (rows, rows[::-1]))
    assert exposure_totals(book).equals(exposure_totals(again))
