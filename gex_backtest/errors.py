"""What goes wrong in a backtest, for the person who reads it."""

from gex_pipeline.errors import GexError


class BacktestError(GexError):
    """Data or parameters that a backtest cannot use; the message says what to do."""


class BarError(BacktestError):
    """A bar that cannot be; ``row``: its number among the others."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row
