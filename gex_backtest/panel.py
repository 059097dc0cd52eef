"""What was known at the close of every bar: a history joined to its bars. The one way from a rule to the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from gex_backtest.as_of import known_rows
from gex_backtest.bars import DAY_US, Bars, Ints
from gex_backtest.history import History
from gex_pipeline.core.black76 import Bools, Floats

SCOPES = ("all_expiry", "odte")
#: After a decision the orders that follow from it are over.
LONGEST_TRADE_US = DAY_US


@dataclass(frozen=True, eq=False)
class Panel:
    """A history as decisions at the closes of its bars may see it.

    ``latency_us``: microseconds from the moment a snapshot was known to the first decision that may use it.
    """

    history: History
    latency_us: int = 60_000_000

    @property
    def bars(self) -> Bars:
        """The bars; decision i is taken at ``bars.close_at[i]``."""
        return self.history.bars

    def level(self, name: str, scope: str = "all_expiry") -> Floats:
        """A column of `levels` at every decision, shape (bars,); NaN where it is null, unknown or stale."""
        table, rows = self._levels[scope]
        return _picked(table[name], rows)

    def book(self, name: str) -> Floats:
        """A column of ``History.books`` at every decision, as :meth:`level`."""
        return _picked(self.history.books[name], self.book_rows)

    def snapshot_us(self, scope: str = "all_expiry") -> Ints:
        """Instant of the snapshot whose levels a decision sees, shape (bars,); -1 for none."""
        table, rows = self._levels[scope]
        return np.append(micros(table["snapshot_at"]), -1)[rows]

    @cached_property
    def book_rows(self) -> Ints:
        """Row of ``History.books`` at every decision, -1 for none."""
        return self._rows(self.history.books)

    @cached_property
    def has_levels(self) -> Bools:
        """Decisions at which a snapshot was known that is not stale, shape (bars,)."""
        return self._levels["all_expiry"][1] >= 0

    @cached_property
    def trading(self) -> slice:
        """Rows of the bars that trading is measured on: from the first decision that sees levels to a day after all.

        Before it nothing could be decided, and within the day what was decided last comes to its end: a ratio a year of
        years without positions says little. All of a history without levels.
        """
        seen, close_at = np.flatnonzero(self.has_levels), self.bars.close_at
        if not len(seen):
            return slice(0, len(self.bars))
        last = np.searchsorted(close_at, close_at[seen[-1]] + LONGEST_TRADE_US, side="right")
        return slice(int(seen[0]), int(last) + 1)  # and the bar that fills what was decided then

    @cached_property
    def traded_bars(self) -> Bars:
        """The bars of :attr:`trading`."""
        return self.bars[self.trading]

    @cached_property
    def _levels(self) -> dict[str, tuple[pl.DataFrame, Ints]]:
        tables = {scope: self.history.levels.filter(pl.col("scope") == scope) for scope in SCOPES}
        return {scope: (table, self._rows(table)) for scope, table in tables.items()}

    def _rows(self, table: pl.DataFrame) -> Ints:
        return known_rows(
            micros(table["snapshot_at"]), micros(table["knowledge_time"]), self.bars.close_at, self.latency_us
        )


def micros(times: pl.Series) -> Ints:
    """Instants as microseconds since 1970."""
    return times.dt.cast_time_unit("us").to_physical().to_numpy().astype(np.int64)


def _picked(column: pl.Series, rows: Ints) -> Floats:
    values = np.append(column.cast(pl.Float64).fill_null(np.nan).to_numpy(), np.nan)  # row -1 is the last: none
    return values[rows]
