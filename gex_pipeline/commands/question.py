"""The question behind `levels`, `profile`, `heatmap` and `bundle`: which instant, venues, signs and strikes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

from cyclopts import Parameter

from gex_pipeline.commands.arguments import Context, to_instant, to_sign_model, to_venues
from gex_pipeline.commands.output import say
from gex_pipeline.core.window import Window
from gex_pipeline.errors import UsageError

if TYPE_CHECKING:
    from gex_pipeline.present.answer import Answer

_BOUND = re.compile(r"moneyness_min|moneyness_max|spot_window_pct")


@Parameter(name="*")
@dataclass(frozen=True)
class Question:
    """What every question about one underlying can be narrowed by."""

    at: Annotated[datetime | None, Parameter(converter=to_instant, metavar="TIME")] = None
    """As of this time: the latest snapshot that was known then. ISO 8601, UTC without a zone. Default: now."""

    venue: Annotated[tuple[str, ...], Parameter(converter=to_venues, metavar="VENUE")] = ()
    """Only these venues; repeat or separate by commas. Default: all."""

    sign_model: Annotated[str, Parameter(converter=to_sign_model, metavar="MODEL")] = "naive"
    """Who holds what: naive (dealers long calls, short puts), short_all, unsigned, taker."""

    moneyness_min: float | None = None
    """Only strikes with K/S of at least this."""

    moneyness_max: float | None = None
    """Only strikes with K/S of at most this."""

    spot_window_pct: float | None = None
    """Only strikes within this many per cent of spot."""

    def __post_init__(self) -> None:
        try:
            Window(self.moneyness_min, self.moneyness_max, self.spot_window_pct)
        except UsageError as error:
            raise UsageError(_BOUND.sub(lambda name: f"--{name[0].replace('_', '-')}", str(error))) from None


#: The question without any narrowing.
PLAIN = Question()


def ask(context: Context, underlying: str, question: Question, now: datetime, include: tuple[str, ...] = ()) -> Answer:
    """The answer, with a word on standard error when it is stale or lacks a venue that was asked for or usual."""
    from gex_pipeline.present import text
    from gex_pipeline.warehouse import open_warehouse

    with open_warehouse(context.warehouse) as warehouse:
        answer = warehouse.answer(
            underlying,
            at=question.at or now,
            venues=list(question.venue) or None,
            sign_model=question.sign_model,
            moneyness_min=question.moneyness_min,
            moneyness_max=question.moneyness_max,
            spot_window_pct=question.spot_window_pct,
            include=include,
        )
    instant = text.instant(answer.snapshot_at)
    if answer.is_stale:
        age = text.age(answer.age_seconds)
        say(f"{underlying}: stale: the snapshot of {instant} is {age} old, over twice the usual interval")
    if absent := [venue for venue in question.venue or answer.absent_venues if venue not in answer.venues]:
        hint = "" if question.venue else f"; --venue {absent[0]} gives its latest"
        say(f"{underlying}: nothing from {', '.join(absent)} in the snapshot of {instant}{hint}")
    if answer.coverage is not None:
        say(f"{underlying}: {text.coverage(answer.coverage.row(0, named=True))}")
    return answer


def clock() -> datetime:
    """Now; the commands are the only place that reads the clock."""
    return datetime.now(UTC)


def new_request_id() -> str:
    """A UUID per document."""
    return str(uuid4())
