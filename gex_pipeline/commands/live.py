"""Commands that ask the venues: `snapshot`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from gex_pipeline import settings
from gex_pipeline.commands.arguments import Context, to_instant, to_underlyings, to_venues
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import say_all, show_lines

Instant = Annotated[datetime | None, Parameter(converter=to_instant, metavar="TIME")]


def snapshot(
    *,
    venue: Annotated[tuple[str, ...], Parameter(converter=to_venues, metavar="V")] = (),
    underlying: Annotated[tuple[str, ...], Parameter(converter=to_underlyings, metavar="U")] = (),
    at: Instant = None,
    context: Annotated[Context, Parameter(parse=False)],
) -> int:
    """Take the option chains of the venues as they are now. A venue that is down costs only itself.

    Parameters
    ----------
    venue
        Only these venues; repeat or separate by commas. Default: $GEX_VENUES.
    underlying
        Only these coins. Default: $GEX_UNDERLYINGS.
    at
        Instant that the snapshot is for, within the last ten minutes. Default: the minute that has begun.
    """
    from gex_pipeline.engine import live, polls
    from gex_pipeline.present import summaries
    from gex_pipeline.store.partitions import Store

    configured = settings.load()
    network = polls.Network(configured.hosts, configured.http_timeout_seconds, configured.snapshot_deadline_seconds)
    hear_ctrl_c()
    instant = live.grid_time(at, polls.now())
    coins = underlying or configured.underlyings
    done = live.snapshot(Store(context.warehouse), network, venue or configured.venues, coins, instant)
    show_lines(summaries.snapshot_lines(done))
    is_partial = say_all([*summaries.snapshot_problems(done), *summaries.unlisted(done, coins)])
    stored = sum(outcome.rows.chain.height for outcome in done.outcomes)
    return 1 if not stored and not done.taken else 3 if is_partial else 0
