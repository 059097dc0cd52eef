"""Table `taker_flow`: made from `trades`, file by file, before the jobs that sum it up.

A day's trades are summed once, so that a build of the present day reads days of contracts, not years of trades.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from gex_pipeline.engine.damage import damage
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import TAKER_FLOW, TRADES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.taker_flow import COLUMNS, taker_flow


def flow_of(trades: Partition) -> Partition:
    """The partition of `taker_flow` that is made from one of `trades`."""
    return replace(trades, table=TAKER_FLOW.name)


def stale(store: Store, underlyings: list[str], *, is_forced: bool = False) -> list[Partition]:
    """The partitions of `trades` whose flow is missing, or was made from other trades or by other code; or all."""
    trades = [p for p in store.partitions(TRADES) if not underlyings or p.value("underlying") in underlyings]
    return [p for p in trades if is_forced or not is_fresh(store, p)]


def is_fresh(store: Store, trades: Partition) -> bool:
    """Whether a flow is that of the trades as they are."""
    flow = flow_of(trades)
    try:
        source, stored = store.manifest(trades), store.manifest(flow)
    except StoreError:
        return False
    if source is None or stored is None or not store.objects.exists(flow.path):
        return False
    return stored.is_made_from(store.draft(TAKER_FLOW, 0, {trades.path: source.content_hash}))


def run(root: Path, trades: Partition) -> int:
    """Make the flow of one partition of `trades`; its rows.

    Raises ``StoreError`` where the trades are damaged or of something that is no option.
    """
    store = Store(root)
    frame, digest = _made(store, trades)
    store.replace(flow_of(trades), frame, {trades.path: digest})
    return frame.height


def _made(store: Store, trades: Partition) -> tuple[pl.DataFrame, str]:
    """The flow of some trades, and the content hash of these."""
    stated = store.manifest(trades)
    if stated is None or stated.content_hash != store.content_hash(trades):
        raise damage(store, trades.path)
    try:
        return taker_flow(store.read(trades, COLUMNS)), stated.content_hash
    except ValueError as error:  # a contract whose name says no expiry
        raise StoreError(f"{trades.path}: {error}: remove the file and fetch its trades again") from error


def read(store: Store, trades: Partition, columns: tuple[str, ...], where: pl.Expr) -> pl.DataFrame:
    """Rows of the flow of some trades, made on the spot where it is not stored."""
    if is_fresh(store, trades):
        return store.read(flow_of(trades), columns, where)
    return _made(store, trades)[0].filter(where).select(columns)


def remove_orphans(store: Store) -> None:
    """Remove flows whose trades are gone."""
    wanted = {flow_of(p) for p in store.partitions(TRADES)}
    for flow in store.partitions(TAKER_FLOW):
        if flow not in wanted:
            store.remove(flow)
