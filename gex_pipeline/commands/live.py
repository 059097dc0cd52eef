"""Commands that ask the venues: `snapshot`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline import settings
from gex_pipeline.commands.arguments import Context, to_instant, to_underlyings, to_venues
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import say_all, show_lines

if TYPE_CHECKING:
    from gex_pipeline.store.partitions import Store

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
    store, coins, venues = Store(context.warehouse), underlying or configured.underlyings, venue or configured.venues
    done = live.snapshot(store, network, venues, coins, instant)
    show_lines(summaries.snapshot_lines(done))
    named = underlying or _unproven(store, configured.underlyings)
    missed = [coin for coin in done.unlisted if coin in named or len(done.unlisted) == len(coins)]
    is_partial = say_all([*summaries.snapshot_problems(done), *summaries.unlisted(missed, venues)])
    stored = sum(outcome.rows.chain.height for outcome in done.outcomes)
    return 1 if not stored and not done.taken else 3 if is_partial else 0


def _unproven(store: Store, coins: Iterable[str]) -> list[str]:
    """Coins that may be misspelt: not those of the defaults, of which some venues list a few, and no stored ones."""
    from gex_pipeline.schema import CHAIN

    return [coin for coin in coins if coin not in settings.DEFAULT_UNDERLYINGS and not store.partitions(CHAIN, coin)]
