"""A perpetual swap at an instant: prices around the index, funding, open interest. The same for all venues."""

from __future__ import annotations

from dataclasses import dataclass

from gex_pipeline.market.chains import COINS
from gex_pipeline.market.server.answers import Moment
from gex_pipeline.market.server.books import INDEX_BP, spot_walk
from gex_pipeline.market.server.paths import START_MINUTE, Floats, Ints, key, uniform

_HOUR_US = 3_600_000_000
#: How far a perpetual trades above its index, and its mark price.
LAST_BP, MARK_BP = 3.0, 2.0
_OPEN_INTEREST_USD = 4e9


@dataclass(frozen=True)
class Perpetual:
    """Prices in USD per coin, amounts in coins, funding as a fraction per eight hours."""

    index: float
    mark: float
    last: float
    bid: float
    ask: float
    high: float
    low: float
    change_pct: float
    funding_8h: float
    open_interest_coin: float
    volume_coin: float


def perpetual(moment: Moment, source: str, coin: str) -> Perpetual:
    """The perpetual of a coin on an index (a key of ``books.INDEX_BP``)."""
    index, minute = moment.index(source, coin), moment.now_us // 60_000_000
    day = spot_walk(moment.seed, coin).minutes(max(START_MINUTE, minute - 1439), minute + 1) * (
        1 + INDEX_BP[source] / 1e4
    )
    digits = 2 if index > 1_000 else 4
    last = round(index * (1 + LAST_BP / 1e4), digits)
    unit = 0.1 if digits == 2 else 0.001
    return Perpetual(
        index=index,
        mark=round(index * (1 + MARK_BP / 1e4), digits),
        last=last,
        bid=round(last - unit, digits),
        ask=round(last + unit, digits),
        high=round(max(last, float(day.max()) * (1 + LAST_BP / 1e4)), digits),
        low=round(min(last, float(day.min()) * (1 + LAST_BP / 1e4)), digits),
        change_pct=round(100 * (index / float(day[0]) - 1), 4),
        funding_8h=float(funding_8h(moment.seed, source, coin, moment.now_us // (8 * _HOUR_US) + 1)[0]),
        open_interest_coin=round(_OPEN_INTEREST_USD / COINS[coin][0], 2),
        volume_coin=round(1440 * volume_per_minute(coin), 2),
    )


def volume_per_minute(coin: str) -> float:
    """Coins that change hands in a minute: three times the open interest in a day."""
    return 3 * _OPEN_INTEREST_USD / COINS[coin][0] / 1440


def funding_8h(seed: int, source: str, coin: str, numbers: Ints | int) -> Floats:
    """Funding that is paid at the end of the numbered eight hours since 1970: around 1 basis point."""
    return (1e-4 + 1e-4 * (uniform(key(seed, source, coin, "funding"), numbers) - 0.5)).round(8)
