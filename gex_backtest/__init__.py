"""Backtests of gamma-exposure rules against candles: the rules themselves are later work."""
