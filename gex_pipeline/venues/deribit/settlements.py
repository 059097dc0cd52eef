"""Deribit's settlement prices, as walks by offset, newest first. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gex_pipeline.core.calendar import SETTLEMENT_TIME
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.deribit.answers import Dated, result
from gex_pipeline.venues.deribit.wire import LINEAR
from gex_pipeline.venues.feeds import DAY, Feed, Span, Walk, milliseconds
from gex_pipeline.venues.money import Settled

#: Rows of the longest page.
_MOST_PRICES = 1_000


class _Price(msgspec.Struct):
    date: str
    delivery_price: float | None


class _Prices(msgspec.Struct):
    data: list[_Price]


_PRICES = msgspec.json.Decoder(Dated[_Prices])


def settlements(coin: str, currency: str) -> Feed:
    """Settlement prices, by date: those of 08:00 UTC."""
    mine = Settled("deribit", coin, f"{coin.lower()}_{'usdc' if currency == LINEAR else 'usd'}", currency)

    def walk(span: Span) -> Walk:
        count = min(_MOST_PRICES, (span.now - span.start) // DAY + 2)
        prices: list[tuple[int, float | None]] = []
        while True:
            asked = {"index_name": mine.symbol, "offset": str(len(prices)), "count": str(count)}
            reply = yield Request("public/get_delivery_prices", asked)
            page = [(_expiry_ms(reply, row.date), row.delivery_price) for row in result(reply, _PRICES).result.data]
            if prices and page and page[-1][0] >= prices[-1][0]:  # one published meanwhile moves the others by one
                raise VenueError(f"{reply.request.label}: the page is not older than the one before: it repeats")
            prices += page
            if len(page) < count or page[-1][0] < span.start_ms:
                return mine.haul(span, reply, prices)

    return mine.feed(walk)


def _expiry_ms(reply: Reply, date: str) -> int:
    try:
        day = datetime.fromisoformat(date)
        return milliseconds(datetime.combine(day.date(), SETTLEMENT_TIME))
    except ValueError:
        raise VenueError(f"{reply.request.label}: $.result.data[...].date is {date[:40]!r}, no date") from None
