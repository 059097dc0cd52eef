"""Dagster: assets, checks, jobs and schedules over the engine. Only this package and `definitions` import dagster.

Belongs here: which function of the engine runs for which partition, and what its page shows. Not: work itself; the
heavy libraries are imported when an asset runs, so that the code location loads fast.
"""
