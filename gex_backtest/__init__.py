"""Backtests of gamma-exposure rules against candles: rules, studies, and a simulator that never looks ahead."""
