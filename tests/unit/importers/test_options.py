"""Which options a source needs and which it refuses, before any file is read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.errors import UsageError
from gex_pipeline.importers import READERS, Mapping, Options, check_options
from gex_pipeline.importers.mapping import mapping_from
from tests.unit.importers.build import CHAIN
from tests.unit.importers.test_mapping import BARS

HOUR = timedelta(hours=1)
DVOL = {k: v for k, v in BARS.items() if k not in ("market", "symbol")}
SECTIONS = {"chain": CHAIN, "candles": BARS, "dvol": DVOL}
#: What each source must be given.
NEEDED: dict[str, dict[str, Any]] = {
    **{s: {"mapping": mapping_from({"venue": "deribit", s: section}, "vendor")} for s, section in SECTIONS.items()},
    "binance-eoh": {},
    "tardis-options-chain": {},
    "deribit-book-summary": {},
    "binance-klines": {"market": "spot"},
}
FOREIGN = {
    "chain": ("market", "instruments"),
    "candles": ("every", "max_age", "market", "instruments"),
    "dvol": ("every", "max_age", "market", "instruments"),
    "binance-eoh": ("mapping", "market", "instruments"),
    "tardis-options-chain": ("mapping", "market", "instruments"),
    "deribit-book-summary": ("mapping", "market"),
    "binance-klines": ("mapping", "every", "max_age", "instruments"),
}
VALUES = {
    "mapping": NEEDED["chain"]["mapping"],
    "every": HOUR,
    "max_age": HOUR,
    "market": "perp",
    "instruments": (Path("i"),),
}


def _refused(source: str, **options: Any) -> str:
    """The one line; the reader, given a file that does not exist, says the same."""
    with pytest.raises(UsageError) as caught:
        check_options(source, Options(**options))
    with pytest.raises(UsageError) as again:
        READERS[source](Path("absent"), Options(**options))
    assert str(again.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _chain(**top: Any) -> Mapping:
    return mapping_from({"venue": "deribit", "chain": CHAIN, **top}, "vendor")


@pytest.mark.parametrize("source", READERS)
def test_what_a_source_needs_is_enough(source: str) -> None:
    check_options(source, Options(**NEEDED[source]))
    check_options(source, Options(**NEEDED[source], underlying="BTCUSDT"))


def test_every_option_that_a_source_uses() -> None:
    check_options("chain", Options(_chain(), every=HOUR, max_age=2 * HOUR))
    check_options("binance-eoh", Options(every=4 * HOUR, max_age=HOUR))
    check_options("deribit-book-summary", Options(every=HOUR, max_age=HOUR, instruments=(Path("i"),)))


@pytest.mark.parametrize(("source", "name"), [(s, n) for s, names in FOREIGN.items() for n in names])
def test_what_a_source_does_not_use_it_does_not_take(source: str, name: str) -> None:
    message = _refused(source, **{**NEEDED[source], name: VALUES[name]})
    assert message == f"the source {source} does not take --{name.replace('_', '-')}: remove it"


def test_klines_do_not_say_their_market() -> None:
    assert Options().market is None
    assert _refused("binance-klines") == "binance-klines needs --market spot or perp: the files do not say which"
    assert _refused("binance-klines", market="sport") == "unknown market 'sport'; nearest is 'spot'"


@pytest.mark.parametrize("source", ["chain", "candles", "dvol"])
def test_mapping_of_the_target(source: str) -> None:
    needs = f"the source {source} needs --mapping with a [{source}] section"
    assert _refused(source) == f"{needs}: it says which column is which"
    other = "dvol" if source == "chain" else "chain"
    assert _refused(source, **NEEDED[other]) == f"{needs}; the mapping vendor has [{other}]"


def test_grids() -> None:
    sevens = "every = 7:00:00 does not divide a day into equal parts"
    lonely = "--max-age needs a grid: give --every as well (in a mapping: max_age and every)"
    assert _refused("chain", mapping=_chain(), every=7 * HOUR) == sevens
    assert _refused("chain", mapping=_chain(every="7h")) == sevens
    assert _refused("binance-eoh", every=7 * HOUR) == sevens
    assert _refused("chain", mapping=_chain(), every=timedelta(0)).startswith("every = 0:00:00 does not divide")
    assert _refused("chain", mapping=_chain(), max_age=HOUR) == lonely
    assert _refused("chain", mapping=_chain(max_age="1h")) == lonely
    assert _refused("binance-eoh", max_age=HOUR) == lonely
    check_options("chain", Options(_chain(every="7h"), every=HOUR))  # the option counts
    check_options("chain", Options(_chain(max_age="1h"), every=HOUR))
    check_options("chain", Options(_chain(every="1h"), max_age=HOUR))
    for source in ("tardis-options-chain", "deribit-book-summary"):  # they have a grid of their own
        check_options(source, Options(max_age=HOUR))
    assert _refused("tardis-options-chain", every=7 * HOUR) == sevens


@pytest.mark.parametrize("coin", ["BTC OPT", "a/b", "", ".."])
def test_what_is_no_coin(coin: str) -> None:
    assert _refused("binance-eoh", underlying=coin).startswith(f"--underlying {coin.upper()!r} is no name")


def test_unknown_sources() -> None:
    with pytest.raises(UsageError, match="unknown source 'binance-kline'; nearest is 'binance-klines'"):
        check_options("binance-kline", Options())
