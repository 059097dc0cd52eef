"""Outcomes of a run that is not over: kept one by one, so that the same run goes on where it was stopped.

A file each, below a folder of the warehouse that is named as the run. They go when the run is stored, or when another
run of the coin begins: then data, code or question are others, and their numbers too.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

import msgspec
import numpy as np
import polars as pl

from gex_backtest.study import Rule, Study
from gex_backtest.suite import Outcome, Trading
from gex_pipeline.store.layout import UNFINISHED
from gex_pipeline.store.objects import LocalObjects

#: Bytes of the hash that a file begins with.
_DIGEST = 32


@dataclass(frozen=True)
class _Kept:
    """An outcome without what its run says of it anyway."""

    study: Study | None
    status: str
    trading: Trading | None
    trading_status: str


class Unfinished:
    """What there is of a run."""

    def __init__(self, objects: LocalObjects, run_id: str) -> None:
        self._objects, self._run_id = objects, run_id

    def outcome(self, rule: Rule, variant: int, parameters: Any, work: Callable[[], Outcome]) -> Outcome:
        """That of a variant: the one that is kept, else what ``work`` gives, which is kept then."""
        name = f"{UNFINISHED}/{self._run_id}/{rule.name}-{variant}.msgpack"
        kept = _read(self._objects, name)
        if kept is None:
            made = work()
            _write(self._objects, name, _Kept(made.study, made.status, made.trading, made.trading_status))
            return made
        return Outcome(rule, variant, parameters, kept.study, kept.status, kept.trading, kept.trading_status)


@contextmanager
def unfinished(root: Path, run_id: str) -> Generator[Unfinished]:
    """What is kept of a run while it is under way. What is kept of the coin's other runs goes, and in the end all."""
    objects = LocalObjects(root)
    coin = run_id.rpartition("-")[0]
    _remove(objects, [name for name in _of_coin(objects, coin) if not name.startswith(f"{UNFINISHED}/{run_id}/")])
    yield Unfinished(objects, run_id)
    _remove(objects, _of_coin(objects, coin))


def _of_coin(objects: LocalObjects, coin: str) -> list[str]:
    return [name for name in objects.list(UNFINISHED) if name.split("/")[1].rpartition("-")[0] == coin]


def _remove(objects: LocalObjects, names: list[str]) -> None:
    for name in names:
        objects.delete(name)
    for folder in {objects.path(name).parent for name in names}:
        with suppress(OSError):  # the same run in another process has put something there
            folder.rmdir()


def _write(objects: LocalObjects, name: str, kept: _Kept) -> None:
    data = msgspec.msgpack.encode(kept, enc_hook=_encoded)
    objects.write(name, hashlib.sha256(data).digest() + data)


def _read(objects: LocalObjects, name: str) -> _Kept | None:
    """None where it is not there, or is not what was written."""
    try:
        whole = objects.read(name)
    except OSError:
        return None
    digest, data = whole[:_DIGEST], whole[_DIGEST:]
    return _decoded(data) if hashlib.sha256(data).digest() == digest else None


def _encoded(value: Any) -> Any:
    """Frames as Arrow has them and arrays as NumPy has, both to the last bit."""
    buffer = io.BytesIO()
    if isinstance(value, pl.DataFrame):
        value.write_ipc(buffer)
    elif isinstance(value, np.ndarray):
        np.save(buffer, value, allow_pickle=False)
    else:
        return value.item()  # a number of NumPy's
    return buffer.getvalue()


def _decoded(data: bytes) -> _Kept:
    return msgspec.msgpack.decode(data, type=_Kept, dec_hook=_value)


def _value(kind: Any, data: bytes) -> Any:
    if (get_origin(kind) or kind) is np.ndarray:
        return np.load(io.BytesIO(data), allow_pickle=False)
    return pl.read_ipc(io.BytesIO(data))
