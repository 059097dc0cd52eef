"""Every table declared once: types, units, meaning, keys and rules.

From these declarations come the Parquet schemas, the row checks, the SQL comments and the data dictionary.
"""

from gex_pipeline.schema.backtest import (
    BACKTEST_EQUITY,
    BACKTEST_EVENTS,
    BACKTEST_RUNS,
    BACKTEST_STATS,
    BACKTEST_TRADES,
)
from gex_pipeline.schema.bands import LEVEL_BANDS, NET_GEX_BANDS
from gex_pipeline.schema.chain import CHAIN, CHAIN_REJECTED
from gex_pipeline.schema.derived import (
    EXPECTED_MOVE,
    EXPOSURE_TOTALS,
    FLIP_ZONES,
    GAMMA_PROFILE,
    LEVELS,
    MAX_PAIN,
    RANKED,
)
from gex_pipeline.schema.live import RAW, SNAPSHOTS
from gex_pipeline.schema.macros import GEX_CHANGES, LEVELS_FOR, OI_CHANGES, STRIKE_EXPIRY_HEATMAP, STRIKE_PROFILE
from gex_pipeline.schema.market import CANDLES, DVOL
from gex_pipeline.schema.model import Column, Table
from gex_pipeline.schema.regimes import REGIME, REGIME_TRANSITIONS
from gex_pipeline.schema.smiles import DENSITY, EXPIRY_SUMMARY, IMPLIED_VOL
from gex_pipeline.schema.taker import TAKER_BOOK, TAKER_COVERAGE, TAKER_FLOW, TAKER_INVENTORY
from gex_pipeline.schema.tape import FUNDING, PERPS, SETTLEMENTS, TRADES
from gex_pipeline.schema.views import EXPIRIES, EXPOSURE, GAMMA_TWAP, LEVELS_WIDE
from gex_pipeline.schema.volatility import REALISED_VOL, VOLATILITY, VRP_EX_POST

#: The tables that are computed from `chain`, where there are any also from `trades`, and stored.
DERIVED = (
    LEVELS,
    FLIP_ZONES,
    GAMMA_PROFILE,
    RANKED,
    MAX_PAIN,
    EXPECTED_MOVE,
    EXPIRY_SUMMARY,
    DENSITY,
    IMPLIED_VOL,
    LEVEL_BANDS,
    NET_GEX_BANDS,
    EXPOSURE_TOTALS,
    TAKER_INVENTORY,
    TAKER_COVERAGE,
)

#: All that `gex build` makes.
BUILT = (*DERIVED, TAKER_FLOW)

#: The tables that are computed when they are read.
VIEWS = (
    EXPOSURE,
    GAMMA_TWAP,
    LEVELS_WIDE,
    EXPIRIES,
    REALISED_VOL,
    VOLATILITY,
    VRP_EX_POST,
    REGIME,
    REGIME_TRANSITIONS,
    TAKER_BOOK,
)

#: Stored tables in which a day without rows is nothing unusual; a book that nets to 0 at every strike has no ranks.
MAY_BE_EMPTY = ("chain_rejected", "flip_zones", "ranked", "taker_coverage", "taker_flow", "taker_inventory")

#: Table macros: questions with arguments.
MACROS = (LEVELS_FOR, STRIKE_PROFILE, STRIKE_EXPIRY_HEATMAP, OI_CHANGES, GEX_CHANGES)

#: Tables of what is around the chain.
AROUND = (CANDLES, DVOL, PERPS, FUNDING, SETTLEMENTS, TRADES)

#: What backtests find; the run itself last, as it is written.
BACKTESTS = (BACKTEST_EVENTS, BACKTEST_TRADES, BACKTEST_EQUITY, BACKTEST_STATS, BACKTEST_RUNS)

_STORED = (RAW, SNAPSHOTS, CHAIN, CHAIN_REJECTED, *DERIVED, *AROUND, TAKER_FLOW, *BACKTESTS)
TABLES: dict[str, Table] = {t.name: t for t in (*_STORED, *VIEWS)}

__all__ = [
    "AROUND",
    "BACKTESTS",
    "BACKTEST_EQUITY",
    "BACKTEST_EVENTS",
    "BACKTEST_RUNS",
    "BACKTEST_STATS",
    "BACKTEST_TRADES",
    "BUILT",
    "CANDLES",
    "CHAIN",
    "CHAIN_REJECTED",
    "DENSITY",
    "DERIVED",
    "DVOL",
    "EXPECTED_MOVE",
    "EXPIRIES",
    "EXPIRY_SUMMARY",
    "EXPOSURE",
    "EXPOSURE_TOTALS",
    "FLIP_ZONES",
    "FUNDING",
    "GAMMA_PROFILE",
    "GAMMA_TWAP",
    "IMPLIED_VOL",
    "LEVELS",
    "LEVELS_WIDE",
    "LEVEL_BANDS",
    "MACROS",
    "MAX_PAIN",
    "MAY_BE_EMPTY",
    "NET_GEX_BANDS",
    "PERPS",
    "RANKED",
    "RAW",
    "REALISED_VOL",
    "REGIME",
    "REGIME_TRANSITIONS",
    "SETTLEMENTS",
    "SNAPSHOTS",
    "TABLES",
    "TAKER_BOOK",
    "TAKER_COVERAGE",
    "TAKER_FLOW",
    "TAKER_INVENTORY",
    "TRADES",
    "VIEWS",
    "VOLATILITY",
    "VRP_EX_POST",
    "Column",
    "Table",
]
