"""Table `exposure` against its slow twin: every column, every cell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gex_pipeline.schema import EXPOSURE
from tests.slow import compare
from tests.slow.books import BOOKS, rows_of
from tests.slow.chains import FRIDAY, row
from tests.slow.frames import as_plain, assert_declared, chain_frame
from tests.views import exposure

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("name", BOOKS)
def test_every_column_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = exposure(chain_frame(rows))
    assert_declared(EXPOSURE, frame)
    compare.assert_exposure(rows, frame)


def test_several_snapshots_are_kept_apart() -> None:
    early = rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)])
    late = rows_of([(95.0, "P", 7.0), (105.0, "C", 1.0)], snapshot_at=early[0]["snapshot_at"] + timedelta(hours=1))
    both = as_plain(exposure(chain_frame(early + late)))
    for part in (early, late):
        at = both.filter(both["snapshot_at"] == part[0]["snapshot_at"])
        compare.assert_exposure(part, at)


@pytest.mark.parametrize(
    ("strike", "call", "put"),
    [(99.0, 1.0, 0.0), (100.0, 0.5, -0.5), (101.0, 0.0, -1.0)],
    ids=["in the money", "at the forward", "out of the money"],
)
def test_contracts_that_expire_take_their_final_delta(strike: float, call: float, put: float) -> None:
    """chex_to_expiry of the front expiry = OI x F x (final delta - delta), naive signs."""
    rows = [row(strike, "C", 2.0), row(strike, "P", 3.0)]
    (cell,) = as_plain(exposure(chain_frame(rows))).rows(named=True)
    assert cell["call_chex_to_expiry_usd"] + cell["call_dex_usd"] == pytest.approx(2.0 * 100.0 * call, abs=1e-9)
    assert cell["put_chex_to_expiry_usd"] + cell["put_dex_usd"] == pytest.approx(-3.0 * 100.0 * put, abs=1e-9)


def test_the_next_settlement_is_strictly_later() -> None:
    """At 08:00 itself the next settlement is a day away: a contract with two days left still has one then."""
    rows = rows_of([(105.0, "C", 2.0)], snapshot_at=FRIDAY, expiry_at=FRIDAY + timedelta(days=2))
    compare.assert_exposure(rows, exposure(chain_frame(rows)))


def test_only_coin_settled_rows_are_premium_adjusted() -> None:
    for settlement, is_adjusted in (("inverse", True), ("linear", False)):
        rows = rows_of([(100.0, "C", 2.0), (95.0, "P", 1.0)], settlement=settlement)
        frame = as_plain(exposure(chain_frame(rows)))
        for name in ("dex", "vex", "chex"):
            assert (frame[f"{name}_pa_usd"] != frame[f"{name}_usd"]).all() == is_adjusted, (settlement, name)


def test_one_row_per_cell_and_in_declared_order() -> None:
    frame = as_plain(exposure(chain_frame(BOOKS["four_venues"]())))
    assert frame.select(EXPOSURE.key).n_unique() == frame.height
    assert frame.select(EXPOSURE.key).sort(EXPOSURE.key).n_unique() == frame.height
