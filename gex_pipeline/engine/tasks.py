"""The units of work: one (underlying, period) of all derived tables.

Belongs here: reading inputs, calling the pure transforms, writing outputs. Not: choosing what to run (`build`) or
where (`pool`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from gex_pipeline.engine import tapes
from gex_pipeline.engine.damage import damage
from gex_pipeline.engine.days import Days, period_days
from gex_pipeline.engine.pieces import pieces
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import DERIVED, TABLES, TAKER_FLOW, TRADES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.manifest import Manifest
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.contracts import COLUMNS
from gex_pipeline.transforms.derive import derive


@dataclass(frozen=True, order=True)
class Job:
    """Derived tables of one underlying and period, the chain partitions they are made from, and those of the tape."""

    underlying: str
    period: str
    inputs: tuple[Partition, ...]
    tape: tapes.Sources | None = None

    def output(self, table: str) -> Partition:
        """The partition of a derived table that this job writes."""
        return Partition(table, (("underlying", self.underlying),), self.period)


def input_hashes(store: Store, job: Job) -> dict[str, str]:
    """Path -> content hash of what the job reads; of all its flows, which are many, one hash together."""
    hashes = _hashes(store, _files(job))
    if _flows(job):
        flows = "".join(f"{path} {digest}\n" for path, digest in _hashes(store, _flows(job)).items())
        hashes[TAKER_FLOW.name] = hashlib.sha256(flows.encode()).hexdigest()
    return hashes


def _files(job: Job) -> tuple[Partition, ...]:
    return tuple(dict.fromkeys([*job.inputs, *(job.tape.files if job.tape else ())]))


def _flows(job: Job) -> tuple[Partition, ...]:
    return job.tape.flows if job.tape else ()


def _hashes(store: Store, partitions: Iterable[Partition]) -> dict[str, str]:
    manifests = {p.path: store.manifest(p) for p in partitions}
    return {path: m.content_hash for path, m in manifests.items() if m is not None}


def is_fresh(store: Store, job: Job) -> bool:
    """True when every output exists and was made from these inputs by this code.

    A damaged manifest makes the job stale: running it writes it anew, or names it when it is an input's.
    """
    return _is_built(store, job, lambda stored, wanted: stored.is_made_from(wanted))


def has_chain(store: Store, job: Job) -> bool:
    """The same of the chain alone: trades come after the build of an hour, and wait for the next one."""
    return _is_built(
        store,
        replace(job, tape=None),
        lambda stored, wanted: (
            wanted.inputs.items() <= stored.inputs.items()
            and stored.is_made_from(replace(wanted, inputs=stored.inputs))
        ),
    )


def _is_built(store: Store, job: Job, is_made_from: Callable[[Manifest, Manifest], bool]) -> bool:
    try:
        inputs = input_hashes(store, job)
        stored = [store.manifest(job.output(t.name)) for t in DERIVED]
    except StoreError:
        return False
    wanted = [store.draft(t, 0, inputs) for t in DERIVED]
    return all(
        m is not None and is_made_from(m, w) and store.objects.exists(job.output(m.table).path)
        for m, w in zip(stored, wanted, strict=True)
    )


def run(root: Path, job: Job) -> dict[str, int]:
    """Compute and store all derived tables of a job; returns rows per table, `chain` = rows read.

    Raises ``StoreError`` when an input is damaged: most flipped bits would otherwise pass as other numbers.
    """
    store = Store(root)
    inputs = _intact_inputs(store, job)
    tape = tapes.tape(store, job.tape, period_days(job.period)) if job.tape else None
    venues = tuple(sorted({p.value("venue") for p in job.inputs}))
    chunks = [derive(piece, tape, venues) for piece in _pieces(store, job, venues)]
    rows = {"chain": sum(m.rows for m in map(store.manifest, job.inputs) if m is not None)}
    for table in DERIVED:
        # Each is in the table's order, and one after the other in time.
        before_time = table.sort[: table.sort.index("snapshot_at")]
        frame = pl.concat([chunk[table.name] for chunk in chunks]).sort(before_time, maintain_order=True)
        store.replace(job.output(table.name), frame, inputs)
        rows[table.name] = frame.height
    return rows


def _intact_inputs(store: Store, job: Job) -> dict[str, str]:
    """`input_hashes`, once the files have been found to have them."""
    stated = input_hashes(store, job)
    of_flows = _hashes(store, _flows(job))  # one that is not stored is made on the spot
    known = {**stated, **of_flows}
    there = (*_files(job), *(p for p in _flows(job) if p.path in of_flows))
    damaged = [p.path for p in there if store.content_hash(p) != known.get(p.path)]
    if damaged and input_hashes(store, job) == stated:  # else an import replaces them just now: stale again at once
        raise damage(store, damaged[0])
    return stated


def _pieces(store: Store, job: Job, venues: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """The chain piece by piece; the period's rows are held throughout."""
    columns = (*COLUMNS, "instrument") if job.tape else COLUMNS
    files = {venue: [p for p in sorted(job.inputs) if p.value("venue") == venue] for venue in venues}
    return pieces([pl.concat([store.read(p, columns, is_coded=True) for p in files[venue]]) for venue in venues])


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
    tapes_of = {u: _tapes(store, u, partitions) for u in sorted({u for u, _ in groups})}
    return [Job(u, period, tuple(i), tapes_of[u](period_days(period))) for (u, period), i in sorted(groups.items())]


def _tapes(store: Store, underlying: str, chain: list[Partition]) -> Callable[[Days], tapes.Sources | None]:
    """What the tape of an underlying is read from, for any days."""
    trades = store.partitions(TRADES, underlying)
    mine = [p for p in chain if p.value("underlying") == underlying]
    try:
        return partial(tapes.sources, trades, tapes.begins(store, trades, mine))
    except StoreError:
        return lambda _: tapes.unreadable([*trades, *mine])
