"""What the venues have around the chain, by name. A new venue is a folder and a line here."""

from __future__ import annotations

from gex_pipeline.venues.binance.around import AROUND as BINANCE
from gex_pipeline.venues.bybit.around import AROUND as BYBIT
from gex_pipeline.venues.deribit.around import AROUND as DERIBIT
from gex_pipeline.venues.feeds import Around
from gex_pipeline.venues.okx.around import AROUND as OKX

AROUND: dict[str, Around] = {"deribit": DERIBIT, "bybit": BYBIT, "okx": OKX, "binance": BINANCE}
