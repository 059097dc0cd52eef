"""Whatever a client asks, it gets an answer."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.market.server.answers import Moment, as_us
from gex_pipeline.market.server.server import _ENDPOINTS, _VENUES
from gex_pipeline.market.world import World
from tests.unit.market.venue_client import NOW, NOW_MS

WORLD = World(1, date(2026, 10, 1), 60)

PLACES = [(venue, endpoint) for venue, endpoints in _ENDPOINTS.items() for endpoint in endpoints]
WORDS = {
    "currency": ("BTC", "USDC", "any"),
    "kind": ("option", "future"),
    "category": ("option", "linear"),
    "baseCoin": ("BTC", "HYPE"),
    "instType": ("OPTION", "SWAP"),
    "instFamily": ("BTC-USD", "ETH-USD_UM"),
    "uly": ("BTC-USD",),
    "instId": ("BTC-USDT-SWAP", "BTC-USD", "BTC-USD-261225-100000-C"),
    "symbol": ("BTCUSDT", "BTC-261225-100000-C", "BTC-25DEC26-100000-C-USDT"),
    "pair": ("BTCUSDT",),
    "interval": ("60", "1h", "M", "1w"),
    "bar": ("1m", "1M", "1Wutc"),
    "resolution": ("1", "60", "1D"),
    "index_name": ("btc_usd", "sol_usdc"),
    "instrument_name": ("BTC-PERPETUAL", "BTC-25DEC26-100000-C"),
    "underlying": ("BTCUSDT",),
    "underlyingAsset": ("BTC",),
    "expiration": ("261225",),
    "sorting": ("asc", "desc"),
    "include_old": ("true",),
}
NUMBERS = [
    *("limit", "count", "offset", "cursor", "start", "end", "startTime", "endTime"),
    *("after", "before", "start_timestamp", "end_timestamp"),
]
ODD = ["0", "1", "-5", "1001", "9" * 20, "x", "1.5", "", "1e400", "\x00", str(NOW_MS), str(NOW_MS - 10**9)]
QUERIES = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from([*words, "nonsense"]) for name, words in WORDS.items()}
    | {name: st.sampled_from(ODD) for name in NUMBERS},
)


@given(st.sampled_from(PLACES), QUERIES)
def test_any_query_has_an_answer(place: tuple[str, str], query: dict[str, str]) -> None:
    venue, endpoint = place
    answer = _VENUES[venue](Moment(WORLD, as_us(NOW)), endpoint, query)
    assert answer.status in (200, 400)
    assert json.loads(answer.body) is not None
