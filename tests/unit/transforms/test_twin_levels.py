"""Levels, flip zones, ranks and the profile against the slow twins, on drawn and on constructed books."""

from __future__ import annotations

import pytest

from gex_pipeline.schema import FLIP_ZONES, GAMMA_PROFILE, LEVELS, RANKED
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.contracts import Window
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.gamma_profile import gamma_profile
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.ranked import ranked
from tests.slow import compare
from tests.slow.books import BOOKS
from tests.slow.frames import assert_declared, chain_frame, venue_sets

pytestmark = pytest.mark.filterwarnings("error")

OTHER_MODELS = ("one_minute", "two_venues", "several_flips", "ties", "spot_on_a_strike", "net_zero_everywhere")


@pytest.mark.parametrize("name", BOOKS)
def test_every_level_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = levels(Book.from_chain(chain_frame(rows)))
    assert_declared(LEVELS, frame)
    compare.assert_levels(rows, frame)


@pytest.mark.parametrize("name", BOOKS)
def test_every_crossing_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = flip_zones(Book.from_chain(chain_frame(rows)))
    assert_declared(FLIP_ZONES, frame)
    compare.assert_flip_zones(rows, frame)


@pytest.mark.parametrize("name", BOOKS)
def test_ranks_agree(name: str) -> None:
    rows = BOOKS[name]()
    frame = ranked(Book.from_chain(chain_frame(rows)))
    assert_declared(RANKED, frame)
    compare.assert_ranked(rows, frame)


@pytest.mark.parametrize("name", BOOKS)
def test_the_profile_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = gamma_profile(Book.from_chain(chain_frame(rows)))
    assert_declared(GAMMA_PROFILE, frame)
    compare.assert_profile(rows, frame)


@pytest.mark.parametrize("sign_model", ["short_all", "unsigned"])
@pytest.mark.parametrize("name", OTHER_MODELS)
def test_other_sign_models_agree(name: str, sign_model: str) -> None:
    rows = BOOKS[name]()
    book = Book.from_chain(chain_frame(rows))
    compare.assert_levels(rows, levels(book, sign_model=sign_model), sign_model)
    compare.assert_ranked(rows, ranked(book, sign_model=sign_model), sign_model)
    compare.assert_flip_zones(rows, flip_zones(book, sign_model=sign_model), sign_model)
    compare.assert_profile(rows, gamma_profile(book, sign_model=sign_model), sign_model)


WINDOWS = (
    {"moneyness_min": 0.9},
    {"moneyness_max": 1.05},
    {"moneyness_min": 0.9, "moneyness_max": 1.1},
    {"spot_window_pct": 6.0},
    {"moneyness_min": 0.97, "spot_window_pct": 12.0},
    {"moneyness_min": 3.0},
)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("name", ["two_venues", "venues_that_disagree", "spot_on_a_strike"])
def test_a_strike_window_drops_contracts_but_not_spot(name: str, window: dict[str, float]) -> None:
    for rows in venue_sets(BOOKS[name]()).values():
        frame = levels(Book.from_chain(chain_frame(rows), Window(**window)))
        compare.assert_levels(rows, frame, **window)
