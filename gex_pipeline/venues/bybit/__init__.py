"""Bybit V5: one chain per coin, settled in USDT and USDC, every number a string."""
