"""The venues that are known, by name, and their addresses. A new venue is a folder and a line here."""

from __future__ import annotations

from gex_pipeline.venues.base import Venue
from gex_pipeline.venues.binance.client import Binance
from gex_pipeline.venues.bybit.client import Bybit
from gex_pipeline.venues.deribit.client import Deribit
from gex_pipeline.venues.okx.client import Okx

_ALL: tuple[Venue, ...] = (Deribit(), Bybit(), Okx(), Binance())
VENUES = {venue.name: venue for venue in _ALL}
