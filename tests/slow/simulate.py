"""One variant of the simulator, bar by bar: what an account would do at each open, inside each bar, at each close."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Account:
    """Cash in USD and coins; the position's stop and take; everything that has been paid, and every trade."""

    cost: float
    cash: float = 1.0
    coins: float = 0.0
    stop: float = math.nan
    take: float = math.nan
    is_ruined: bool = False
    traded: float = 0.0
    turnover: float = 0.0
    funding: float = 0.0
    fills: list[tuple[int, float, str]] = field(default_factory=list)

    def worth(self, price: float) -> float:
        return self.cash + self.coins * price

    def trade(self, coins: float, price: float, bar: int, why: str) -> None:
        """Hold so many coins from here on."""
        notional = abs(coins - self.coins) * price
        self.turnover += notional / self.worth(price)
        self.traded += notional
        self.cash -= (coins - self.coins) * price + self.cost * notional
        self.coins = coins
        self.fills.append((bar, price, why))
        self.lose_everything_if(self.cash + coins * price <= 0)

    def lose_everything_if(self, is_lost: bool) -> None:
        if is_lost:
            self.cash, self.coins, self.is_ruined = 0.0, 0.0, True

    def open_bar(self, price: float, rate: float) -> None:
        self.funding += self.coins * price * rate
        self.cash -= self.coins * price * rate
        self.lose_everything_if(self.worth(price) <= 0)

    def live_through(self, bar: int, open_: float, low: float, high: float) -> None:
        """Stop, else take, else the worst price of the bar."""
        if self.coins > 0:
            if low <= self.stop:
                self.trade(0.0, min(self.stop, open_), bar, "stop")
            elif high >= self.take:
                self.trade(0.0, max(self.take, low), bar, "take")
            else:
                self.lose_everything_if(self.worth(low) <= 0)
        elif self.coins < 0:
            if high >= self.stop:
                self.trade(0.0, max(self.stop, open_), bar, "stop")
            elif low <= self.take:
                self.trade(0.0, min(self.take, high), bar, "take")
            else:
                self.lose_everything_if(self.worth(high) <= 0)


def simulate(bars: Any, targets: Any, cost: float, funding: Any, stops: Any, takes: Any) -> tuple[list, list, Account]:
    """Equity and coins at each close, and the account at the end."""
    account, wanted, order = Account(cost), 0.0, None
    equity, coins = [], []
    for t in range(len(bars.open)):
        open_, low, high, close = (float(p[t]) for p in (bars.open, bars.low, bars.high, bars.close))
        account.open_bar(open_, float(funding[t]))
        if order is not None and not account.is_ruined:
            target, account.stop, account.take = order
            account.trade(target * account.worth(open_) / open_, open_, t, "target")
        order = None
        if not account.is_ruined:
            account.live_through(t, open_, low, high)
        equity.append(account.worth(close))
        coins.append(account.coins)
        if not math.isnan(targets[t]) and targets[t] != wanted:
            wanted = float(targets[t])
            order = wanted, float(stops[t]), float(takes[t])
    return equity, coins, account
