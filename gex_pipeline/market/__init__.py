"""Synthetic data with a seed: same arguments, same bytes. Pure: nothing here reads a clock or writes a file.

Everything that comes from here carries a `source` that starts with ``synthetic``.
"""
