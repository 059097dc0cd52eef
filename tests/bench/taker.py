"""How well trades tell what dealers hold: made-up markets, whose truth is known, beside the naive signs.

    python -m tests.bench.taker [--days 30] [--seeds 3]

A line for each market, choice of contracts and sign model. ``all``: also contracts that are older than the tape.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import astuple

import polars as pl

from tests import taker_truth

_AGREEMENTS = {0.8: "usual habits", 0.0: "no habits", -0.8: "opposite habits"}
_MODELS = {"taker": "dealer_coin", "naive": "naive_coin"}
#: Days after which the first contracts that are listed in the market count.
_SETTLED = 5
_HEAD = ("customers", "seed", "contracts", "sign model", "corr.", "right signs", "size", "error", "right gamma")


def lines(days: int, seeds: int) -> Iterator[str]:
    """The table: net gamma at every sixth hour, compared with the truth; see :class:`taker_truth.Likeness`."""
    yield "| " + " | ".join(_HEAD) + " |"
    yield "|" + "---|" * len(_HEAD)
    for agreement, habits in _AGREEMENTS.items():
        for seed in range(1, seeds + 1):
            rows = taker_truth.positions(taker_truth.world_of(agreement, days, seed))
            begin = pl.col("snapshot_at").min() + pl.duration(days=_SETTLED)
            rows = rows.filter(pl.col("snapshot_at") >= begin)
            for contracts, part in (("all", rows), ("whole", rows.filter("is_whole"))):
                for model, column in _MODELS.items():
                    numbers = [f"{x:.2f}" for x in astuple(taker_truth.likeness(part, column))]
                    yield "| " + " | ".join([habits, str(seed), contracts, model, *numbers]) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for line in lines(options.days, options.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
