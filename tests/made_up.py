"""Chains of the made-up market for tests that need plausible rows: a market that begins on the day of the first."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from gex_pipeline.market import chains
from gex_pipeline.market.world import World


def chain(venue: str, coin: str, start: datetime, steps: int = 1, hours: float = 1, seed: int = 1) -> pl.DataFrame:
    """Rows of `chain` at some instants so many hours apart."""
    world = World(seed, start.date(), int((start.hour + steps * hours) // 24) + 1)
    every_us = round(hours * chains.HOUR_US)
    return chains.chain(venue, coin, world, round(start.timestamp() * 1e6) + every_us * np.arange(steps))
