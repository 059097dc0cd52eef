"""What a backtest is asked: the defaults, over them a TOML file, over that the command line.

    underlying = "BTC"
    from = 2026-01-01              # first and last instant; default: all that is stored
    to = 2026-04-01T12:00:00Z
    latency_seconds = 60           # from the moment a snapshot was known to the first decision that may use it

    [candles]                      # which bars; default: those that cover most days, perpetuals first, the finest
    interval = "5m"
    market = "perp"
    venue = "binance"
    is_stitched = false            # true: bars that these lack are taken from others

    [costs]
    taker_fee_bps = 5

    [sizing]                       # scales what rules hold to a volatility; without the section nothing is scaled
    annual_vol = 0.2               # of a position of target 1, a fraction of equity a year
    window_hours = 168             # over which the volatility of the price is measured
    cap = 1                        # most that a target is multiplied by

    [rules.some_rule]              # with such sections only these rules are run, unless the command line names others
    hours = [12, 24]               # a list makes variants: all combinations are run, and counted

Belongs here: reading and checking it. Anything that is not understood is an error: a misspelt key that is ignored is
a wrong number later. How values are checked is in ``parameters``.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, get_type_hints

from gex_backtest import rules as registry
from gex_backtest.bars import HOUR_US
from gex_backtest.costs import Costs
from gex_backtest.errors import BacktestError
from gex_backtest.parameters import choice, one, variants
from gex_backtest.sizing import Sizing
from gex_backtest.study import Rule
from gex_pipeline.core.calendar import FIRST_YEAR
from gex_pipeline.core.instruments import is_coin, underlying_of
from gex_pipeline.errors import GexError, UsageError, known, not_toml, shown
from gex_pipeline.schema.market import MARKETS, interval_of, minutes_of

_LONGEST_LATENCY = 30 * 86_400
#: Characters of a file: what is longer was not typed, and may have no end.
_LONGEST_FILE = 1_000_000
_TOP = ("underlying", "from", "to", "latency_seconds", "candles", "costs", "sizing", "rules")


@dataclass(frozen=True)
class Candles:
    """Which bars to take; None leaves the choice to what is stored.

    ``is_stitched``: bars that the chosen instrument lacks come from the others of that interval, in the same order of
    choice; a return across a seam has the difference of the two prices in it.
    """

    interval: str | None = None
    market: str | None = None
    venue: str | None = None
    is_stitched: bool = False


@dataclass(frozen=True)
class Choice:
    """A rule and the variants of its parameters that are run, ascending."""

    rule: Rule
    variants: tuple[Any, ...]


@dataclass(frozen=True)
class Configuration:
    """One run. ``rules`` in the order of their names.

    ``start``, ``end``: None for all that is stored; ``sizing``: None for positions as large as rules want them.
    """

    rules: tuple[Choice, ...]
    underlying: str = "BTC"
    start: datetime | None = None
    end: datetime | None = None
    latency_seconds: float = 60.0
    candles: Candles = Candles()
    costs: Costs = field(default_factory=Costs)
    sizing: Sizing | None = None

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for a span or a latency that cannot be."""
        if self.start and self.end and self.start >= self.end:
            raise UsageError(f"from {_text(self.start)} is not before to {_text(self.end)}")
        if self.candles.interval:
            self.require_window(minutes_of(self.candles.interval) * HOUR_US // 60, UsageError)
        if not 0 <= self.latency_seconds <= _LONGEST_LATENCY:
            raise UsageError(f"latency_seconds {self.latency_seconds:g} must be from 0 to {_LONGEST_LATENCY:,}")

    def require_window(self, length_us: int, kind: type[GexError]) -> None:
        """Raise an error of a kind for bars that are too long for the sizing of the rules that trade."""
        if self.sizing is None or not any(choice.rule.orders for choice in self.rules):
            return
        try:
            self.sizing.require_window(length_us)
        except BacktestError as error:
            raise kind(str(error)) from None

    @property
    def document(self) -> dict[str, Any]:
        """All of it, defaults too, as JSON has it."""
        return {
            "underlying": self.underlying,
            "from": _text(self.start),
            "to": _text(self.end),
            "latency_seconds": self.latency_seconds,
            "candles": asdict(self.candles),
            "costs": asdict(self.costs),
            "sizing": asdict(self.sizing) if self.sizing else None,
            "rules": {choice.rule.name: [asdict(v) for v in choice.variants] for choice in self.rules},
        }

    @property
    def canonical(self) -> str:
        """The same text for the same meaning, in whatever order and spelling it was asked."""
        return json.dumps(self.document, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def sha256(self) -> str:
        """Hash of the canonical text."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()


def configure(
    names: Iterable[str] = (),
    file: Path | None = None,
    given: Mapping[str, Any] | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> Configuration:
    """A run of some rules.

    ``names``: of the rules; without any those of the file, without those all ``rules`` (default: all there are).
    ``given``: what the command line says, in the shape of the file; None counts as not said. Raises ``UsageError``.
    """
    there = registry.RULES if rules is None else rules
    of_file = _checked(_parsed(file), there, f"{file}: ") if file else {}
    of_line = _checked(_without_none(given or {}), there, "")
    sections: dict[str, Choice] = of_file.pop("rules", {})
    chosen = {registry.named(name, there).name for name in names} or set(sections) or set(there)
    told = {**of_file, **of_line}
    told["candles"] = Candles(**{**of_file.get("candles", {}), **of_line.get("candles", {})})
    choices = tuple(sections.get(name) or Choice(there[name], (there[name].parameters(),)) for name in sorted(chosen))
    try:
        return Configuration(choices, **told)
    except UsageError as error:
        is_of_file = file and not of_line.keys() & {"start", "end"}
        raise UsageError(f"{file}: {error}" if is_of_file else str(error)) from None


def _parsed(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():  # nobody may ever write into a pipe
        raise UsageError(f"{path} is not a regular file")
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LONGEST_FILE + 1)
        if len(text) > _LONGEST_FILE:
            raise UsageError(f"{path} is no configuration: it has more than {_LONGEST_FILE:,} characters")
        return tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, not UTF-8
        raise UsageError(f"{path} {not_toml(error)}") from None
    except RecursionError:
        raise UsageError(f"{path} is not TOML that can be read: it is nested too deeply") from None


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    tables = {key: _without_none(value) if isinstance(value, Mapping) else value for key, value in given.items()}
    return {key: value for key, value in tables.items() if value is not None}


def _checked(given: Mapping[str, Any], rules: Mapping[str, Rule], where: str) -> dict[str, Any]:
    """The fields of a configuration that something says; candles as a dictionary still."""
    try:
        for key in given:
            known(key, _TOP, "key")
        return {_FIELDS.get(key, key): _value(key, value, rules) for key, value in given.items()}
    except UsageError as error:
        raise UsageError(f"{where}{error}") from None


_FIELDS = {"from": "start", "to": "end"}
#: Sections without variants.
_SINGLE = {"costs": Costs, "sizing": Sizing}


def _value(key: str, value: Any, rules: Mapping[str, Rule]) -> Any:
    if key in ("from", "to"):
        return _instant(key, value)
    if key == "underlying":
        return _underlying(one(key, value, str))
    if key == "latency_seconds":
        return one(key, value, float)
    table = _table(key, value)
    if key == "rules":
        return {name: _choice(name, section, rules) for name, section in table.items()}
    if key in _SINGLE:
        return _single(_SINGLE[key], table, key)
    return {name: _of_candles(name, value) for name, value in table.items()}


def _of_candles(name: str, value: Any) -> Any:
    hints = get_type_hints(Candles)
    found = one(f"[candles] {name}", value, hints[known(name, hints, "key in [candles]")])
    if name == "interval":
        return interval_of(found)
    if name == "market":
        return choice("[candles] market", found.strip().lower(), MARKETS)
    return _venue(found) if name == "venue" else found


def _venue(text: str) -> str:
    if not text.strip():
        raise UsageError("[candles] venue is empty")
    return text.strip().lower()


def _underlying(symbol: str) -> str:
    name = underlying_of(symbol)
    if not is_coin(name):
        raise UsageError(f"underlying {shown(symbol)} is no coin: write it like BTC or BTCUSDT")
    return name


def _table(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{key} must be a section, [{key}], not {shown(value)}")
    return value


def _choice(name: str, section: Any, rules: Mapping[str, Rule]) -> Choice:
    rule = registry.named(name, rules)
    return Choice(rule, variants(rule.parameters, _table(f"rules.{name}", section), f"rules.{name}"))


def _single(kind: type[Any], table: Mapping[str, Any], section: str) -> Any:
    first, *others = variants(kind, table, section)
    if others:
        raise UsageError(f"[{section}] takes one value a key: lists are for the parameters of rules")
    return first


def _instant(key: str, value: Any) -> datetime:
    """A date, a time or the text of one; without a zone it is UTC."""
    if isinstance(value, str):
        with suppress(ValueError):  # told below, as is any other type
            value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    with suppress(OverflowError):  # the first morning of year 1 in Karachi has no UTC
        if isinstance(value, datetime):
            return _of_markets(key, value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    told = value if isinstance(value, date | time) else shown(value)
    raise UsageError(f"{key} {told} is not a time: write it like 2026-03-17T16:00:00Z or 2026-03-17")


def _of_markets(key: str, value: datetime) -> datetime:
    if value.year < FIRST_YEAR:
        raise UsageError(f"{key} {value.date()} is before any market: write a time from {FIRST_YEAR} on")
    return value


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
