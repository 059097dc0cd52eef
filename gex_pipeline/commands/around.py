"""Commands that ask the venues for what is around the chain: `candles`, `market`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline import settings
from gex_pipeline.commands.arguments import Context, to_interval, to_market, to_underlyings, to_venues
from gex_pipeline.commands.fill import Instant, Span
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import say_all, show_lines

if TYPE_CHECKING:
    from gex_pipeline.venues.feeds import Feed

Venues = Annotated[tuple[str, ...], Parameter(converter=to_venues, metavar="V")]
Coins = Annotated[tuple[str, ...], Parameter(converter=to_underlyings, metavar="U")]
Given = Annotated[Context, Parameter(parse=False)]


@Parameter(name="*")
@dataclass(frozen=True)
class Fetched(Span):
    """Which instants to fetch."""

    start: Annotated[Instant, Parameter(name="--from", metavar="TIME")] = None
    """First instant. Default: since the last that is stored, else 30 days back, of trades one day."""

    end: Annotated[Instant, Parameter(name="--to", metavar="TIME")] = None
    """Last instant. Default: now."""


#: All that came since the last time.
NEW = Fetched()


def candles(
    *,
    venue: Venues = (),
    underlying: Coins = (),
    interval: Annotated[str, Parameter(converter=to_interval)] = "1h",
    market: Annotated[str | None, Parameter(converter=to_market, metavar="MARKET")] = None,
    span: Fetched = NEW,
    context: Given,
) -> int:
    """Fetch price bars of perpetuals, their indices and marks. A venue that is down costs only itself.

    Without --from: what came since the last stored bar, else 30 days. Only bars that are not stored are asked for.

    Parameters
    ----------
    venue
        Only these venues; repeat or separate by commas. Default: $GEX_VENUES.
    underlying
        Only these coins. Default: $GEX_UNDERLYINGS.
    interval
        Length of the bars: 1m, 5m, 1h, 1d, ...
    market
        Only this kind of price: perp, index, mark, or spot, which is fetched on demand alone.
    """
    from gex_pipeline.engine.around import candle_feeds, passed_over

    configured = settings.load()
    venues = venue or configured.venues
    feeds = candle_feeds(venues, underlying or configured.underlyings, interval, market)
    say_all(passed_over(venues, interval, market))
    return _fetch(feeds, span, context, configured)


def market(*, venue: Venues = (), underlying: Coins = (), span: Fetched = NEW, context: Given) -> int:
    """Fetch perpetual prices, funding, settlement prices, DVOL and option trades: all that came since the last time.

    Without --from: since what is stored, else 30 days, of trades one day. With --to, no prices of now.

    Parameters
    ----------
    venue
        Only these venues; repeat or separate by commas. Default: $GEX_VENUES.
    underlying
        Only these coins. Default: $GEX_UNDERLYINGS.
    """
    from gex_pipeline.engine.around import market_feeds

    configured = settings.load()
    feeds = market_feeds(venue or configured.venues, underlying or configured.underlyings)
    return _fetch(feeds, span, context, configured)


def _fetch(feeds: Sequence[Feed], span: Span, context: Context, configured: settings.Settings) -> int:
    """Fetch, say what came; 1 where no feed was of use, 3 where some were not."""
    from gex_pipeline.engine import feeds as engine
    from gex_pipeline.engine.polls import Network
    from gex_pipeline.present import progress, summaries
    from gex_pipeline.store.partitions import Store

    network = Network(configured.hosts, configured.http_timeout_seconds, configured.snapshot_deadline_seconds)
    hear_ctrl_c()
    store = Store(context.warehouse)
    done = engine.fetch(store, network, feeds, span.start, span.end, progress=progress.for_stream())
    show_lines(summaries.fetch_lines(done))
    say_all(done.notes)
    nothing = [] if done.done or done.failures else ["nothing of what was asked for is listed"]
    is_partial = say_all([*done.failures, *done.conflicts, *done.holes, *nothing])
    return 1 if not done.done and not any(done.rows.values()) else 3 if is_partial else 0
