"""Option names of the four venues: name -> contract and contract -> name.

Belongs here: the grammars. Not here: which contracts exist, how large they are, or what a file calls its columns.
All four venues expire at 08:00:00 UTC, so a date in a name is an instant.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from gex_pipeline.core.calendar import SETTLEMENT_TIME

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_COIN = r"(?P<coin>[A-Z0-9]+)"
_COIN_NAME = re.compile(r"[A-Z0-9]{1,15}")
_DAY = r"(?P<day>[1-9][0-9]?)(?P<mon>[A-Z]{3})(?P<yy>[0-9]{2})"  # no leading zero, month in English
_YYMMDD = r"(?P<yy>[0-9]{2})(?P<mm>[0-9]{2})(?P<day>[0-9]{2})"
_DOTTED = r"(?P<strike>[0-9]+(?:\.[0-9]+)?)-(?P<type>[CP])"

_GRAMMARS = {
    # Tardis upper-cases symbols: 8D6 is 8d6
    "deribit": re.compile(rf"{_COIN}(?P<linear>_USDC)?-{_DAY}-(?P<strike>[0-9]+(?:[dD][0-9]+)?)-(?P<type>[CP])"),
    "bybit": re.compile(rf"{_COIN}-{_DAY}-{_DOTTED}(?P<usdt>-USDT)?"),
    "okx": re.compile(rf"{_COIN}-USD(?P<linear>_UM)?-{_YYMMDD}-{_DOTTED}"),
    "binance": re.compile(rf"{_COIN}-{_YYMMDD}-{_DOTTED}"),
}

#: The venues whose names are understood.
VENUES = tuple(_GRAMMARS)

#: What a price in US dollars is quoted in: the dollar and the coins that stand for one.
USD_QUOTES = ("USD", "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDE", "USDP", "DAI")
# the shortest coin, so the longest quote: BTCFDUSD is BTC in FDUSD
_PAIR = re.compile(rf"(?P<coin>[A-Z0-9]+?)(?P<separator>[-_/]?)(?P<quote>{'|'.join(USD_QUOTES)})")
#: Coins that end like the first letter of BUSD or TUSD: BNBUSD is BNB in dollars, not BN in BUSD.
_IN_B_OR_T = re.compile(
    "(?:1000)?(?:ARB|BNB|CKB|SHIB|TRB|ANT|APT|BAT|BIT|BNT|DOT|FTT|GMT|GRT|HNT|LPT|MNT|NOT|ONT|QNT|SNT|USDT|VET)"
)


#: Names repeat from snapshot to snapshot, and within one.
_CACHED_NAMES = 100_000


@dataclass(frozen=True)
class Instrument:
    """One option contract.

    ``strike_usd`` is in USD per coin, ``option_type`` is ``C`` or ``P``, ``settlement`` is ``inverse`` or ``linear``.
    ``settle_coin`` is filled where the venue lists two linear books of one coin (bybit: ``USDC`` or ``USDT``), so that
    the name can be built again; empty elsewhere.
    """

    underlying: str
    expiry_at: datetime
    strike_usd: float
    option_type: str
    settlement: str
    settle_coin: str = ""


@lru_cache(maxsize=_CACHED_NAMES)
def parse(venue: str, name: str) -> Instrument | None:
    """The contract a name means at a venue, or None where it is not an option name of that venue.

    Futures, perpetuals, combos and impossible dates give None. Raises ``KeyError`` for an unknown venue.
    """
    match = _GRAMMARS[venue].fullmatch(name)
    if match is None:
        return None
    parts = match.groupdict()
    expiry_at = _expiry(parts)
    if expiry_at is None:
        return None
    strike_usd = float(parts["strike"].lower().replace("d", "."))
    if not math.isfinite(strike_usd):  # hundreds of digits
        return None
    settlement, settle_coin = _settlement(venue, parts)
    return Instrument(parts["coin"], expiry_at, strike_usd, parts["type"], settlement, settle_coin)


def build(venue: str, instrument: Instrument) -> str:
    """The name the venue gives a contract; the inverse of :func:`parse`.

    Raises ``KeyError`` for an unknown venue and ``ValueError`` for a contract the venue has no name for.
    """
    coin, kind, at = instrument.underlying, instrument.option_type, instrument.expiry_at
    is_linear = instrument.settlement == "linear"
    if venue in ("bybit", "binance") and not is_linear:
        raise ValueError(f"{venue} lists no inverse options")
    strike = _number(instrument.strike_usd)
    day = f"{at.day}{_MONTHS[at.month - 1]}{at:%y}"
    usdt = "" if instrument.settle_coin == "USDC" else "-USDT"
    return {
        "deribit": f"{coin}{'_USDC' if is_linear else ''}-{day}-{strike.replace('.', 'd')}-{kind}",
        "bybit": f"{coin}-{day}-{strike}-{kind}{usdt}",
        "okx": f"{coin}-USD{'_UM' if is_linear else ''}-{at:%y%m%d}-{strike}-{kind}",
        "binance": f"{coin}-{at:%y%m%d}-{strike}-{kind}",
    }[venue]


def venues_of(name: str) -> tuple[str, ...]:
    """The venues at which a name is an option; deribit's inverse and bybit's USDC names look alike."""
    return tuple(v for v in VENUES if parse(v, name) is not None)


def underlying_of(symbol: str) -> str:
    """The coin of a symbol: BTC for ``BTC``, ``BTCUSDT``, ``BTC_USDC``, ``btc-usd``, ``BTC/USD`` and ``BTCFDUSD``.

    A symbol without one of ``USD_QUOTES`` is given back in upper case: ETHBTC is a price of ETH, but not in dollars.
    """
    upper = symbol.strip().upper()
    return _coin_of_pair(upper) or upper


def is_coin(name: str) -> bool:
    """True for what can be the name of a coin: 1 to 15 of A-Z and 0-9."""
    return _COIN_NAME.fullmatch(name) is not None


def has_usd_quote(symbol: str) -> bool:
    """True where a symbol is a coin quoted in dollars (``BTCUSDT``); False for ``ETHBTC``, ``BTC`` and ``USDT``."""
    return bool(_coin_of_pair(symbol.strip().upper()))


def _coin_of_pair(upper: str) -> str:
    """The coin of COIN and quote, empty where the symbol is no such pair."""
    match = _PAIR.fullmatch(upper)
    if match is None or upper in USD_QUOTES:
        return ""
    longer = match["coin"] + match["quote"][0]
    is_in_dollars = not match["separator"] and match["quote"] in ("BUSD", "TUSD") and _IN_B_OR_T.fullmatch(longer)
    return longer if is_in_dollars else match["coin"]


def _expiry(parts: dict[str, str]) -> datetime | None:
    month = parts["mm"] if "mm" in parts else _MONTHS.index(parts["mon"]) + 1 if parts["mon"] in _MONTHS else 0
    try:
        return datetime.combine(date(2000 + int(parts["yy"]), int(month), int(parts["day"])), SETTLEMENT_TIME)
    except ValueError:
        return None


def _settlement(venue: str, parts: dict[str, str]) -> tuple[str, str]:
    if venue == "bybit":
        return "linear", "USDT" if parts["usdt"] else "USDC"
    if venue == "binance":
        return "linear", ""
    return "linear" if parts["linear"] else "inverse", ""


def _number(value: float) -> str:
    """Shortest plain decimal of a float: 100000, 2.05, 0.00001; never an exponent."""
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
