"""What trading a perpetual costs. Belongs here: the assumptions, each with its reason. Not: who pays them when."""

from __future__ import annotations

from dataclasses import dataclass

from gex_backtest.errors import BacktestError

BPS = 1e-4
#: Ten per cent a side is a typing error: most likely a percentage.
MOST_BPS = 1_000


@dataclass(frozen=True)
class Costs:
    """Costs of one side, in basis points of the notional traded.

    ``taker_fee_bps``: the first tier of Deribit, OKX and Binance pays 5, of Bybit 5.5. ``half_spread_bps``: one tick of
    Deribit's BTC perpetual (0.5 USD) is 0.05 at 100,000; 1 leaves room for thin hours and smaller coins.
    ``slippage_bps``: an allowance for the way from a bar's open to the fill; a large order needs more.
    ``assumed_funding_bps``: what longs pay per 8 hours, for the time that no stored rate is of; 1 is the interest that
    perpetuals of Binance, Bybit and OKX charge when they trade at their index.

    Raises ``BacktestError`` for a cost that is negative, no number or above ``MOST_BPS``.
    """

    taker_fee_bps: float = 5.0
    half_spread_bps: float = 1.0
    slippage_bps: float = 1.0
    assumed_funding_bps: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= MOST_BPS:
                raise BacktestError(f"{name} {value:g} must lie between 0 and {MOST_BPS:,} basis points a side")

    @property
    def fee_fraction(self) -> float:
        """The fee, per unit of notional traded."""
        return self.taker_fee_bps * BPS

    @property
    def spread_fraction(self) -> float:
        """Half-spread and slippage, per unit of notional traded."""
        return (self.half_spread_bps + self.slippage_bps) * BPS

    @property
    def fraction(self) -> float:
        """All costs, per unit of notional traded."""
        return self.fee_fraction + self.spread_fraction
