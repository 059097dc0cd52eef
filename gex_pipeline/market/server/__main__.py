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


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m gex_pipeline.market.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: a free one)")
    parser.add_argument("--seed", type=_seed, default=1, help="same seed, same numbers")
    parser.add_argument("--at", type=_instant, help="the simulated time stands still here (UTC)")
    parser.add_argument("--start", type=date.fromisoformat, help="first day of the market (1st of last month)")
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


def _instant(words: str) -> datetime:
    at = datetime.fromisoformat(words)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _announce(server: VenueServer) -> None:
    for name, url in server.urls.items():
        sys.stdout.write(f"{name}={url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
