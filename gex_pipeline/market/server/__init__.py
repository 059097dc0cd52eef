"""A local server that speaks the public REST formats of Deribit, Bybit, OKX and Binance options.

Everything it says is synthetic, and every response says so (`X-Synthetic: true`). It shares no code with any client.
"""

from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer, serve

__all__ = ["Fault", "VenueServer", "serve"]
