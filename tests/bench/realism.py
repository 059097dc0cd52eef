"""The made-up market beside the real one: what one table of figures can say of chains, returns and regimes.

    python -m tests.bench.realism [FOLDER OF REAL DATA] [--plot FILE.png]

Real: 76 daily chains of Deribit's BTC book (2026-03-17 to 05-31) and hourly BTC spot 2021 to 2025, where present.
"""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from gex_pipeline.core import black76
from gex_pipeline.market import chains
from gex_pipeline.market.world import World
from tests.bench import realism_plots

_DAYS, _SEED = 90, 1
_TENORS = ((0, 2), (2, 9), (9, 40), (40, 120), (120, 400))
_MONEYNESS = (-2.0, -1.0, 1.0, 2.0)
#: Days under which a smile is not looked at; distance of a strike from the forward that is near.
_SHORT, _NEAR = 2, 0.1


def made_up() -> tuple[pl.DataFrame, np.ndarray]:
    """A daily chain of the made-up Deribit's inverse BTC book, and hourly spot."""
    world = World(_SEED, date(2026, 3, 1), _DAYS)
    hours = chains.hours(datetime(2026, 3, 1, tzinfo=UTC), 24 * _DAYS)
    chain = chains.chain("deribit", "BTC", world, hours[18::24]).filter(pl.col("settlement") == "inverse")
    frame = chain.select(
        at="snapshot_at",
        expiry="expiry_at",
        days=pl.col("tenor_years") * 365,
        strike="strike_usd",
        is_call=pl.col("option_type").cast(pl.String) == "C",
        forward="forward_usd",
        iv="mark_iv",
        oi="open_interest_coin",
        has_bid=pl.col("bid_usd").is_not_null(),
        has_ask=pl.col("ask_usd").is_not_null(),
    )
    return frame, world.market("BTC").price[::60]


def real(folder: Path) -> tuple[pl.DataFrame, np.ndarray]:
    """The same of real files."""
    files = sorted((folder / "deribit-daily").glob("*.csv"))
    frame = pl.concat([pl.read_csv(file, infer_schema_length=None) for file in files]).select(
        at="snapshot_ts",
        expiry="expiry",
        days=pl.col("days_to_expiry").cast(pl.Float64),
        strike=pl.col("strike").cast(pl.Float64),
        is_call=pl.col("option_type") == "C",
        forward="forward_price",
        iv="implied_vol",
        oi="open_interest",
        has_bid=pl.col("bid") > 0,
        has_ask=pl.col("ask") > 0,
    )
    spot = pl.read_csv(folder / "candles" / "spot-1h-btcusdt-2021-2025.csv")
    return frame.filter((pl.col("iv") > 0) & (pl.col("days") > 0)), spot["close"].to_numpy()


def figures(chain: pl.DataFrame, spot: np.ndarray) -> dict[str, float]:
    """Figure -> value."""
    found = {**_smile(chain), **_sizes(chain), **_returns(np.diff(np.log(spot)))}
    return found | {"autocorrelation of the sign of net GEX, 1 day": _regime(chain)}


def _smile(chain: pl.DataFrame) -> dict[str, float]:
    """Median of IV beside that at the money, by moneyness in standard deviations at the money."""
    x = (pl.col("strike") / pl.col("forward")).log()
    atm = chain.sort(x.abs()).group_by("at", "expiry").agg(atm=pl.first("iv"))
    whole = chain.filter(pl.col("days") > _SHORT).join(atm, on=["at", "expiry"])
    rows = whole.with_columns(z=x / (pl.col("atm") * (pl.col("days") / 365).sqrt()), ratio=pl.col("iv") / pl.col("atm"))
    near = {z: rows.filter((pl.col("z") - z).abs() < 0.25)["ratio"].median() for z in _MONEYNESS}
    return {f"IV beside ATM at {z:+.0f} sd": as_float(value) for z, value in near.items()}


def _sizes(chain: pl.DataFrame) -> dict[str, float]:
    oi, days, away = chain["oi"], chain["days"], (chain["strike"] / chain["forward"] - 1).abs()
    found = {
        "contracts of a chain": chain.group_by("at").len()["len"].median(),
        "contracts of an expiry": chain.group_by("at", "expiry").len()["len"].median(),
        "share of rows without bid": (~chain["has_bid"]).mean(),
        "share of rows without ask": (~chain["has_ask"]).mean(),
        "share of rows without open interest": (oi == 0).mean(),
        **{f"share of OI, {a} to {b} days": oi.filter((days > a) & (days <= b)).sum() / oi.sum() for a, b in _TENORS},
        "share of OI within 10 % of the forward": oi.filter(away < _NEAR).sum() / oi.sum(),
        "puts' OI beside calls'": oi.filter(~chain["is_call"]).sum() / oi.filter(chain["is_call"]).sum(),
    }
    return {name: as_float(value) for name, value in found.items()}


def as_float(value: object) -> float:
    """A number of Polars, whose type says less."""
    assert isinstance(value, (int, float))
    return float(value)


def _returns(hourly: np.ndarray) -> dict[str, float]:
    size, daily = np.abs(hourly), hourly[: len(hourly) // 24 * 24].reshape(-1, 24).sum(axis=1)
    return {
        "volatility of hours, annual": float(hourly.std() * np.sqrt(24 * 365)),
        "autocorrelation of hours": _lagged(hourly, 1),
        "autocorrelation of their size, 1 h": _lagged(size, 1),
        "autocorrelation of their size, 24 h": _lagged(size, 24),
        "kurtosis of hours": float(np.mean(hourly**4) / np.mean(hourly**2) ** 2),
        "kurtosis of days": float(np.mean(daily**4) / np.mean(daily**2) ** 2),
    }


def _lagged(x: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(x[lag:], x[:-lag])[0, 1])


def _regime(chain: pl.DataFrame) -> float:
    return _lagged(np.sign(net_gex(chain)), 1)


def net_gex(chain: pl.DataFrame) -> np.ndarray:
    """Net GEX by day, naive signs, USD per 1 %."""
    f, k, t, s = (chain[name].to_numpy() for name in ("forward", "strike", "days", "iv"))
    gex = black76.gamma(f, k, t / 365, s) * chain["oi"].to_numpy() * f**2 / 100 * np.where(chain["is_call"], 1, -1)
    return chain.select("at", gex=pl.Series(gex)).group_by("at").agg(pl.sum("gex")).sort("at")["gex"].to_numpy()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    markets = {"made up": made_up()}
    if options.folder.is_dir():
        markets["real"] = real(options.folder)
    columns = [figures(*market) for market in markets.values()]
    print(" " * 48 + "".join(f"{name:>10}" for name in markets))
    for name in columns[0]:
        print(f"{name:48}" + "".join(f"{column[name]:10.3g}" for column in columns))
    if options.plot:
        samples = {name: (chain, np.diff(np.log(spot)), net_gex(chain)) for name, (chain, spot) in markets.items()}
        realism_plots.plot(samples, options.plot)


if __name__ == "__main__":
    main()
