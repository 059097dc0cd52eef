"""Synthetic data with a seed: same arguments, same bytes. Pure, but for `server`, which listens and reads a clock.

Everything that comes from here carries a `source` that starts with ``synthetic``.
"""
