"""Which span is stored of a coin, for who asked for another one."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

from gex_backtest.config import Configuration
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_pipeline.store.session import Session

#: Table -> first and last instant of what a backtest reads of it.
_SPANS = {
    "levels": "min(snapshot_at), max(snapshot_at) FROM levels WHERE venues = 'all' AND sign_model = 'naive'",
    "candles": "min(open_at), max(close_at) FROM candles WHERE true",
}
Span = tuple[datetime, datetime]


def stored(root: Path, underlying: str) -> dict[str, Span]:
    """First and last instant of the levels and candles of a coin; nothing of what there is not."""
    with closing(Session(root)) as session:
        found = {
            table: session.query(f"SELECT {what} AND underlying = $1", [underlying]).row(0)
            for table, what in _SPANS.items()
        }
    return {table: (first, last) for table, (first, last) in found.items() if first is not None}


def require_candles(root: Path, configuration: Configuration) -> None:
    """Raise ``BacktestError`` where no candle lies in the span that is asked for: what is stored in its place."""
    coin, found = configuration.underlying, stored(root, configuration.underlying)
    if "candles" not in found:
        raise BacktestError(f"no candles of {coin} are stored: `gex candles` or `gex import` brings some")
    first, last = found["candles"]
    if (configuration.start and configuration.start >= last) or (configuration.end and configuration.end <= first):
        raise BacktestError(f"no candles of {coin} in this span: {_told(coin, found)}")


def beside(root: Path, configuration: Configuration, history: History) -> str:
    """Where the levels are, for a span that has none; empty where it has some, or nothing is stored."""
    if not history.levels.is_empty():
        return ""
    found = stored(root, configuration.underlying)
    return _told(configuration.underlying, found) if "levels" in found else ""


def _told(coin: str, found: dict[str, Span]) -> str:
    spans = [
        f"{table} from {first:%Y-%m-%dT%H:%MZ} to {last:%Y-%m-%dT%H:%MZ}" for table, (first, last) in found.items()
    ]
    return f"of {coin} there are {' and '.join(spans)}: choose --from and --to among them"
