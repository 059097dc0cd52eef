"""Pure mathematics: arrays in, arrays out. No frames, no files, no clock, no environment.

Symbols: f forward in USD, k strike in USD, t tenor in years, s implied volatility as a fraction, v = s sqrt(t).
"""
