"""The units of work: one (underlying, period) of all derived tables.

Belongs here: reading inputs, calling the pure transforms, writing outputs. Not: choosing what to run (`build`) or
where (`pool`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import DERIVED, TABLES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.contracts import COLUMNS
from gex_pipeline.transforms.derive import derive

_DAY_US = 86_400_000_000


@dataclass(frozen=True, order=True)
class Job:
    """Derived tables of one underlying and period, and the chain partitions they are made from."""

    underlying: str
    period: str
    inputs: tuple[Partition, ...]

    def output(self, table: str) -> Partition:
        """The partition of a derived table that this job writes."""
        return Partition(table, (("underlying", self.underlying),), self.period)


def input_hashes(store: Store, job: Job) -> dict[str, str]:
    """Path -> content hash of the job's chain partitions."""
    manifests = {p.path: store.manifest(p) for p in job.inputs}
    return {path: m.content_hash for path, m in manifests.items() if m is not None}


def is_fresh(store: Store, job: Job) -> bool:
    """True when every output exists and was made from these inputs by this code.

    A damaged manifest makes the job stale: running it writes it anew, or names it when it is an input's.
    """
    try:
        inputs = input_hashes(store, job)
        stored = [store.manifest(job.output(t.name)) for t in DERIVED]
    except StoreError:
        return False
    wanted = [store.draft(t, 0, inputs) for t in DERIVED]
    return all(
        m is not None and m.is_made_from(w) and store.objects.exists(job.output(m.table).path)
        for m, w in zip(stored, wanted, strict=True)
    )


def run(root: Path, job: Job) -> dict[str, int]:
    """Compute and store all derived tables of a job; returns rows per table, `chain` = rows read.

    Raises ``StoreError`` when an input is damaged: most flipped bits would otherwise pass as other numbers.
    """
    store = Store(root)
    inputs = _intact_inputs(store, job)
    chunks = [derive(book) for book in _books(store, job)]
    rows = {"chain": sum(m.rows for m in map(store.manifest, job.inputs) if m is not None)}
    for table in DERIVED:
        frame = pl.concat([chunk[table.name] for chunk in chunks])
        store.replace(job.output(table.name), frame, inputs)
        rows[table.name] = frame.height
    return rows


def _intact_inputs(store: Store, job: Job) -> dict[str, str]:
    """`input_hashes`, once the files have been found to have them."""
    stated = input_hashes(store, job)
    damaged = [p.path for p in job.inputs if store.content_hash(p) != stated.get(p.path)]
    if damaged and input_hashes(store, job) == stated:  # else an import replaces them just now: stale again at once
        raise damage(store, damaged[0])
    return stated


def damage(store: Store, path: str) -> StoreError:
    """The error of a file that is not what was written."""
    return StoreError(f"{store.objects.path(path)} is damaged: it is not what was written; run `gex verify`")


def _books(store: Store, job: Job) -> Iterator[Book]:
    """One book per day, so that the arrays of a book stay near the cache; the period's rows are held throughout."""
    venues = sorted({p.value("venue") for p in job.inputs})
    frames = [
        pl.concat([store.read(p, COLUMNS) for p in sorted(job.inputs) if p.value("venue") == venue]) for venue in venues
    ]
    days = [f["snapshot_at"].to_physical().to_numpy() // _DAY_US for f in frames]
    for day in np.unique(np.concatenate(days)):
        edges = [np.searchsorted(d, [day, day + 1]) for d in days]
        parts = [f.slice(a, b - a) for f, (a, b) in zip(frames, edges, strict=True)]
        yield Book.from_chain(pl.concat(parts), is_ordered=True, venue_names=tuple(venues))


def plan(store: Store) -> list[Job]:
    """Every job that the stored chain asks for, sorted by underlying and period.

    A month is one job when any venue has it in one file, else each of its days is one.
    """
    groups: dict[tuple[str, str], list[Partition]] = {}
    partitions = store.partitions(TABLES["chain"])
    months = {(p.value("underlying"), p.period) for p in partitions if p.is_month}
    for p in partitions:
        key = (p.value("underlying"), p.period[:7])
        groups.setdefault(key if key in months else (key[0], p.period), []).append(p)
    return [Job(u, period, tuple(inputs)) for (u, period), inputs in sorted(groups.items())]
