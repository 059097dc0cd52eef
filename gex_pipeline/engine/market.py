"""What an orchestrator runs beside the snapshots: everything around the chain that came since the last time.

`gex candles` and `gex market` are the same on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gex_pipeline.engine.around import candle_feeds, market_feeds
from gex_pipeline.engine.feeds import FetchSummary, fetch
from gex_pipeline.engine.polls import Network
from gex_pipeline.store.partitions import Store

#: The bars that are kept without being asked for.
_INTERVAL = "1h"


def fetch_all(root: Path, network: Network, venues: Sequence[str], coins: Sequence[str]) -> FetchSummary:
    """Fetch hourly candles, trades, perpetuals, funding, settlements and DVOL since what is stored."""
    feeds = [*candle_feeds(venues, coins, _INTERVAL, None), *market_feeds(venues, coins)]
    return fetch(Store(root), network, feeds)
