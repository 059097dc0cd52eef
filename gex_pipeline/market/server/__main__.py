"""`python -m gex_pipeline.market.server`: the variables that point the clients here, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from datetime import UTC, date, datetime
from typing import NoReturn

from gex_pipeline.errors import UsageError
from gex_pipeline.market.server.server import Now, VenueServer, serve, wall_clock

_TICK_SECONDS = 0.2
_LAST_PORT = 65535
_YEARS = range(1970, 2100)  # a market begins the month before and ends some weeks later


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser("python -m gex_pipeline.market.server", argparse.SUPPRESS, __doc__)
    parser.add_argument("--port", type=_port, default=0, help="port on 127.0.0.1 (0: a free one)")
    parser.add_argument("--seed", type=_seed, default=1, help="same seed, same numbers")
    parser.add_argument("--at", type=_instant, help="the simulated time stands still here (UTC)")
    parser.add_argument("--start", type=_day, help="first day of the market (1st of last month)")
    given = parser.parse_args(arguments)
    try:
        _serve(given.seed, given.at or wall_clock, given.port, given.start)
    except KeyboardInterrupt:
        return 0
    except (UsageError, OSError) as error:  # a time without prices, a port that is taken
        parser.error(str(error))


def _serve(seed: int, now: datetime | Now, port: int, start: date | None) -> NoReturn:
    """Serve for ever; short waits, as a long one is not woken where Ctrl-C reaches another thread of the process."""
    with serve(seed, now, port=port, start=start) as server:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Polars' own may lose a Ctrl-C
        _announce(server)
        while True:
            time.sleep(_TICK_SECONDS)


def _seed(words: str) -> int:
    if not words.isdecimal():
        raise argparse.ArgumentTypeError(f"{words!r} is no seed; give a whole number from 0 on")
    return int(words)


def _port(words: str) -> int:
    if not words.isdecimal() or int(words) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{words!r} is no port; give a number from 0 to {_LAST_PORT}")
    return int(words)


def _instant(words: str) -> datetime:
    try:
        at = datetime.fromisoformat(words)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{words!r} is no time; type it like 2026-01-20T12:00") from None
    if at.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"{words!r} is no time of the years {_YEARS[0]} to {_YEARS[-1]}")
    return at


def _day(words: str) -> date:
    try:
        return _instant(date.fromisoformat(words).isoformat()).date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} is no day; type it like 2026-01-05") from None


def _announce(server: VenueServer) -> None:
    for name, url in server.urls.items():
        sys.stdout.write(f"{name}={url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
