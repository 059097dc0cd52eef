"""Binance European options: USDT-settled, quoted per contract, open interest by coin and expiry."""
