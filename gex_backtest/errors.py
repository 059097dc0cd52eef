"""What goes wrong in a backtest, for the person who reads it."""

from gex_pipeline.errors import GexError


class BacktestError(GexError):
    """Data or parameters that a backtest cannot use; the message says what to do."""
