"""Commands that answer: `levels`, `profile`, `heatmap`, `bundle`, `scan`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gex_pipeline.commands import arguments
from gex_pipeline.commands.arguments import (
    Context,
    Expiry,
    to_expiry,
    to_includes,
    to_instant,
    to_underlying,
    underlying_or_none,
)
from gex_pipeline.commands.output import refuse_warehouse_files, say, say_all, show, show_json
from gex_pipeline.commands.question import PLAIN, Question, ask, clock, new_request_id
from gex_pipeline.errors import GexError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Underlying = Annotated[str, Parameter(converter=to_underlying, name="U")]
Include = Annotated[tuple[str, ...], Parameter(converter=to_includes, metavar="SECTION")]
Plot = Annotated[Path | None, Parameter(metavar="FILE.png")]
Given = Annotated[Context, Parameter(parse=False)]


def levels(
    underlying: Underlying,
    /,
    *,
    question: Question = PLAIN,
    include: Include = (),
    json: bool = False,
    plot: Plot = None,
    context: Given,
) -> int:
    """Key levels of an underlying as of a time.

    Parameters
    ----------
    underlying
        BTC or BTCUSDT.
    include
        More sections, separated by commas: candles, expected_move, max_pain, ranked, spot, zones.
    json
        Print the JSON document.
    plot
        Write the gamma profile with its flips to this PNG file.
    """
    from gex_pipeline.present import documents, plots, tables

    now = clock()
    answer = ask(context, underlying, question, now, include)
    if plot:
        _save(plots.gamma_profile(answer), plot)
    if json:
        show_json(documents.levels_document(answer, include, now, new_request_id()))
    else:
        show(tables.levels_table(answer, include))
    return 0


def profile(
    underlying: Underlying,
    /,
    *,
    question: Question = PLAIN,
    expiry: Annotated[Expiry, Parameter(converter=to_expiry, metavar="EXPIRY")] = "all",
    json: bool = False,
    plot: Plot = None,
    context: Given,
) -> int:
    """Exposure per strike.

    Parameters
    ----------
    underlying
        BTC or BTCUSDT.
    expiry
        all, odte (at most 24 hours to expiry) or the date of one expiry.
    json
        Print the JSON document.
    plot
        Write the bars per strike with spot, flip and walls to this PNG file.
    """
    from gex_pipeline.present import documents, plots, tables

    now = clock()
    answer = ask(context, underlying, question, now)
    if plot:
        _save(plots.strike_profile(answer, expiry), plot)
    if json:
        show_json(documents.profile_document(answer, expiry, now, new_request_id()))
    else:
        show(tables.profile_table(answer, expiry))
    return 0


def heatmap(
    underlying: Underlying,
    /,
    *,
    question: Question = PLAIN,
    json: bool = False,
    plot: Plot = None,
    context: Given,
) -> int:
    """Exposure by strike and expiry.

    Parameters
    ----------
    underlying
        BTC or BTCUSDT.
    json
        Print the JSON document.
    plot
        Write the heatmap to this PNG file.
    """
    from gex_pipeline.present import documents, plots, tables

    now = clock()
    answer = ask(context, underlying, question, now)
    if plot:
        _save(plots.heatmap(answer), plot)
    if json:
        show_json(documents.heatmap_document(answer, now, new_request_id()))
    else:
        show(tables.heatmap_table(answer))
    return 0


def bundle(
    *underlyings: str,
    question: Question = PLAIN,
    include: Include = (),
    json: bool = False,
    context: Given,
) -> int:
    """Levels of several underlyings in one call; what one of them lacks does not stop the others.

    Parameters
    ----------
    underlyings
        BTC or BTCUSDT, several.
    include
        More sections of the JSON documents, separated by commas.
    json
        Print the JSON document.
    """
    from gex_pipeline.errors import UsageError
    from gex_pipeline.present import documents, tables

    if not underlyings:
        raise UsageError("bundle needs at least one underlying, like: gex bundle BTC ETH")
    now = clock()
    named = {word: underlying_or_none(word) for word in underlyings}
    invalid = [word for word, name in named.items() if name is None]
    results: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(name for name in named.values() if name is not None):
        try:
            results[name] = _levels(context, name, question, now, include)
        except GexError as error:
            missing[name] = str(error)
    document = documents.bundle_document(results, missing, invalid, underlyings, now, new_request_id())
    if json:
        show_json(document)
    elif results:
        show(tables.bundle_table(results))
    reasons = [f"{name}: {reason}" for name, reason in missing.items()]
    is_partial = say_all([*reasons, *(f"{word!r} is not an underlying" for word in invalid)])
    return 0 if not is_partial else 3 if results else 1


def scan(
    *underlyings: str,
    at: Annotated[datetime | None, Parameter(converter=to_instant, metavar="TIME")] = None,
    json: bool = False,
    context: Given,
) -> int:
    """A line per coin: regime, distance to the flip, volatility premium, next OPEX, and what changed in a day.

    Of all venues and expiries, by the naive signs. What one coin lacks does not stop the others.

    Parameters
    ----------
    underlyings
        BTC or BTCUSDT, several. Default: all that are stored.
    at
        As of this time. ISO 8601, UTC without a zone. Default: now.
    json
        Print the JSON document, with all columns of view `regime`.
    """
    from gex_pipeline.engine.scan import scan as stands_of
    from gex_pipeline.engine.scan import stored
    from gex_pipeline.present.scan import scan_document, scan_table
    from gex_pipeline.store.marker import is_synthetic
    from gex_pipeline.store.partitions import Store

    now, store = clock(), Store(context.warehouse)
    store.require()
    names = [arguments.underlying(word) for word in underlyings] or stored(store)
    found, missing = stands_of(store, dict.fromkeys(names), at or now)
    is_made_up = is_synthetic(context.warehouse)
    if json:
        show_json(scan_document(found, missing, at or now, now, new_request_id(), is_synthetic=is_made_up))
    elif found:
        show(scan_table(found.values(), is_synthetic=is_made_up), is_wide=True)
    say_all(f"{name}: stale: over twice the usual interval" for name, stand in found.items() if stand.is_stale)
    is_partial = say_all(f"{name}: {reason}" for name, reason in missing.items())
    return 0 if not is_partial else 3 if found else 1


def _levels(
    context: Context, underlying: str, question: Question, now: datetime, include: tuple[str, ...]
) -> dict[str, Any]:
    from gex_pipeline.present import documents

    answer = ask(context, underlying, question, now, include)
    return documents.levels_document(answer, include, now, new_request_id())


def _save(figure: Figure, path: Path) -> None:
    from gex_pipeline.present.plot_style import save_png

    refuse_warehouse_files(path)
    save_png(figure, path)
    say(f"wrote {path}")
