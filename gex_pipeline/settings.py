"""The only reader of the environment.

Belongs here: every ``GEX_`` variable with its meaning and default. Not: options of one command, or anything the
mathematics depends on.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gex_pipeline.errors import UsageError, known, nearest

DEFAULT_UNDERLYINGS = ("BTC", "ETH", "SOL", "HYPE")
#: Variable -> (default, meaning). ``gex --help`` lists this table.
VARIABLES: dict[str, tuple[str, str]] = {
    "GEX_WAREHOUSE": ("data/warehouse", "folder of the warehouse"),
    "GEX_ARCHIVES": ("data/archives.toml", "the archive files that Dagster imports"),
    "GEX_UNDERLYINGS": (",".join(DEFAULT_UNDERLYINGS), "coins that are snapshot"),
    "GEX_VENUES": ("deribit,bybit,okx,binance", "venues that are snapshot"),
    "GEX_HTTP_TIMEOUT": ("15", "seconds that one request to a venue may take"),
    "GEX_SNAPSHOT_DEADLINE": ("60", "seconds that all requests of a snapshot may take"),
    "GEX_ALERT_COMMAND": ("", "command that Dagster hands the message of a failed run"),
    "GEX_DERIBIT_URL": ("https://www.deribit.com/api/v2", "address of Deribit"),
    "GEX_DERIBIT_HISTORY_URL": ("https://history.deribit.com/api/v2", "address of Deribit's old trades"),
    "GEX_BYBIT_URL": ("https://api.bybit.com", "address of Bybit"),
    "GEX_OKX_URL": ("https://www.okx.com", "address of OKX"),
    "GEX_BINANCE_OPTIONS_URL": ("https://eapi.binance.com", "address of Binance's options"),
    "GEX_BINANCE_FUTURES_URL": ("https://fapi.binance.com", "address of Binance's futures"),
    "GEX_BINANCE_SPOT_URL": ("https://api.binance.com", "address of Binance's spot market"),
}


_COIN = re.compile(r"[A-Z0-9]{1,15}")
#: A snapshot is hourly.
_MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    warehouse: Path
    archives: Path
    underlyings: tuple[str, ...]
    venues: tuple[str, ...]
    http_timeout_seconds: float
    snapshot_deadline_seconds: float
    alert_command: str
    hosts: Mapping[str, Mapping[str, str]]


def warehouse(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the warehouse; a command that asks nobody is not stopped by how the venues are asked."""
    return Path(environ.get("GEX_WAREHOUSE") or VARIABLES["GEX_WAREHOUSE"][0]).expanduser()


def misspelt(environ: Mapping[str, str] = os.environ) -> list[str]:
    """One line for each variable that looks like a setting and is none."""
    odd = sorted(name for name in environ if name.startswith("GEX_") and name not in VARIABLES)
    return [f"{name} in the environment is no setting{nearest(name, VARIABLES, likeness=0.6)}" for name in odd]


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; a variable that is empty counts as unset. Raises ``UsageError`` for a value that is none."""
    values = {name: environ.get(name) or default for name, (default, _) in VARIABLES.items()}
    hosts = _hosts(values)
    return Settings(
        warehouse=warehouse(environ),
        archives=Path(values["GEX_ARCHIVES"]).expanduser(),
        underlyings=_coins(values),
        venues=_venues(values, hosts),
        http_timeout_seconds=_seconds(values, "GEX_HTTP_TIMEOUT"),
        snapshot_deadline_seconds=_seconds(values, "GEX_SNAPSHOT_DEADLINE"),
        alert_command=values["GEX_ALERT_COMMAND"],
        hosts=hosts,
    )


def _coins(values: Mapping[str, str]) -> tuple[str, ...]:
    words = _words(values, "GEX_UNDERLYINGS", str.upper)
    odd = next((word for word in words if not _COIN.fullmatch(word)), None)
    if odd is not None:
        raise UsageError(f"GEX_UNDERLYINGS: {odd!r} is no coin: write it like {VARIABLES['GEX_UNDERLYINGS'][0]}")
    return words


def _address(name: str, text: str) -> str:
    """An address of a venue. Raises ``UsageError`` for one that cannot be asked, and for a password: it is stored."""
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        has_user = "@" in parts.netloc
    except ValueError:
        is_usable = has_user = False
    if has_user:
        raise UsageError(f"{name} holds a user name: addresses are stored with what they answer")
    if not is_usable:
        raise UsageError(f"{name} = {text!r} is no address: write it like {VARIABLES[name][0]}")
    return text


def _hosts(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Venue -> name of a host as requests give it -> address; the main one's name is empty."""
    values = {name: _address(name, value) if name.endswith("_URL") else value for name, value in values.items()}
    binance = {"": "GEX_BINANCE_OPTIONS_URL", "futures": "GEX_BINANCE_FUTURES_URL", "spot": "GEX_BINANCE_SPOT_URL"}
    return {
        "deribit": {"": values["GEX_DERIBIT_URL"], "history": values["GEX_DERIBIT_HISTORY_URL"]},
        "bybit": {"": values["GEX_BYBIT_URL"]},
        "okx": {"": values["GEX_OKX_URL"]},
        "binance": {host: values[name] for host, name in binance.items()},
    }


def _words(values: Mapping[str, str], name: str, case: Callable[[str], str]) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(case(word.strip()) for word in values[name].split(",") if word.strip()))
    if not words:
        raise UsageError(f"{name} = {values[name]!r} names none: write it like {VARIABLES[name][0]}")
    return words


def _venues(values: Mapping[str, str], valid: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(known(word, valid, "venue") for word in _words(values, "GEX_VENUES", str.lower))
    except UsageError as error:
        raise UsageError(f"GEX_VENUES: {error}") from None


def _seconds(values: Mapping[str, str], name: str) -> float:
    try:
        seconds = float(values[name])
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _MOST_SECONDS:
        raise UsageError(f"{name} = {values[name]!r} is no number of seconds above 0, at most {_MOST_SECONDS:g}")
    return seconds
