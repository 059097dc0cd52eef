"""Slow, obvious twins of the fast kernels: plain Python, one loop per sum, written from the definitions alone.

Belongs here: second implementations that share no function with `gex_pipeline`, and the small chains they are
compared on. Not: anything fast, and nothing that imports `gex_pipeline` (but `frames`, which turns rows into the
package's input). A chain is a list of rows, each a dict with the keys listed in `chains.KEYS`.
"""
