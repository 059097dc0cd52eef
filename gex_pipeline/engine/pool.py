"""Running many tasks: in this process, or in a pool of processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from typing import TypeVar

from gex_pipeline.errors import GexError
from gex_pipeline.store.objects import undisturbed

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Starting a worker costs most of a second of imports; fewer tasks than this run here.
_WORTH_A_POOL = 4


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> Generator[tuple[Item, Result | GexError]]:
    """Run a task over items, yielding each with its result, or with the error a person can act on.

    ``task`` must be picklable when more than one worker runs. Whoever stops early closes the generator: running tasks
    then finish, and no new ones start.
    """
    workers = workers or cores()
    if workers == 1 or len(items) < _WORTH_A_POOL:
        yield from ((item, _attempt(task, item)) for item in items)
        return
    executor = ProcessPoolExecutor(workers, get_context("spawn"), _quiet_worker)
    try:
        with interrupts_blocked():
            futures = {executor.submit(_attempt, task, item): item for item in items}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        killed = f"one of {workers} worker processes was killed, probably for want of memory"
        raise GexError(f"{killed}: free some and run again") from error
    finally:
        with undisturbed():  # by an impatient second Ctrl-C
            executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def interrupts_blocked() -> Generator[None]:
    """Processes that are started inside never see Ctrl-C, not even while they import."""
    resource_tracker.ensure_running()  # with the first process, its start would let Ctrl-C in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _attempt(task: Callable[[Item], Result], item: Item) -> Result | GexError:
    try:
        return task(item)
    except GexError as error:
        return error


def _quiet_worker() -> None:
    """One thread each, as there are as many workers as cores; the parent alone answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    os.environ["POLARS_MAX_THREADS"] = "1"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def end_with_parent() -> None:
    """Let this process end at once when the one that started it has ended, be it by `kill -9`."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(1)
