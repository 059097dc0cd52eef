"""The default suite of rules on made-up markets of five-minute bars: with effects, without, and how long it takes.

    python -m tests.bench.claims FOLDER

prints what each rule says of a market whose prices feel twice the usual hedging and whose options cost twice the usual
premium, and of the same draw without either, and writes the page of each run to the folder. Without a folder: 90 days
of bars and their page, so that time and memory of the process can be measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from gex_backtest import made_up, suite, summary
from gex_backtest.calibration.judge import PREMIUM
from gex_backtest.calibration.plan import COIN, POWER_SEEDS, START
from gex_backtest.config import Configuration, configure
from gex_backtest.history import History
from gex_backtest.identity import Origin
from gex_backtest.report import page
from gex_backtest.results import Record
from gex_backtest.rules import RULES

#: The first seed that no calibration drew.
SEED = POWER_SEEDS.stop
#: Multiple of the usual market's effects in the market that has them, and its days: of the premium, and of the others.
EFFECT, DAYS, PREMIUM_DAYS = 2.0, 180, 1440
_OTHERS = [name for name in RULES if name != PREMIUM]


def record(history: History, configuration: Configuration) -> Record:
    """What the rules say of a history."""
    interval = "1h" if history.levels.is_empty() else "5m"
    bars = {"venue": "none", "market": "perp", "symbol": "MADE-UP", "interval": interval, "bars": len(history.bars)}
    return Record(suite.run(history, configuration), Origin.of(configuration, history, [bars]))


def pages(effect: float) -> Iterator[tuple[str, Record, History]]:
    """Name, run and history of the market's two samples: of the premium candles and DVOL alone, by the hour."""
    hedged = made_up.drawn(COIN, START, DAYS, SEED, effect, range(24))
    dear = made_up.priced(COIN, START, PREMIUM_DAYS, SEED, effect)
    yield "gamma", record(hedged, configure(_OTHERS, None, {"underlying": COIN})), hedged
    yield "premium", record(dear, configure([PREMIUM], None, {"underlying": COIN})), dear


def shown(folder: Path) -> None:
    """Both markets, on the terminal and as pages."""
    console = Console(width=160)
    folder.mkdir(parents=True, exist_ok=True)
    for name, effect in (("with", EFFECT), ("without", 0.0)):
        for sample, found, history in pages(effect):
            console.print(f"\n{sample}, {name} effects (x {effect:g}), seed {SEED}, SYNTHETIC:")
            console.print(summary.brief(found.results))
            files = page.report(found, history, is_synthetic=True, has_pictures=False)
            (folder / f"{sample}-{name}.html").write_bytes(files["report.html"])


def everything() -> bytes:
    """The page of all rules on 90 days of bars."""
    history = made_up.drawn(COIN, START, 90, SEED, 1.0, range(24))
    found = record(history, configure((), None, {"underlying": COIN}))
    return page.report(found, history, is_synthetic=True, has_pictures=False)["report.html"]


if __name__ == "__main__":
    shown(Path(sys.argv[1])) if len(sys.argv) > 1 else everything()
