"""Measuring commands and calls: wall time, CPU time and peak memory of a whole process tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

GEX = [sys.executable, "-m", "gex_pipeline.cli"]


@dataclass(frozen=True)
class Cost:
    """Seconds of wall clock and CPU, and the peak of unique memory over all processes in MB."""

    wall: float
    cpu: float
    peak_mb: float


def command(*arguments: str) -> Cost:
    """Cost of a `gex` command; raises when it fails."""
    return run([*GEX, *arguments])


def run(words: list[str], **environment: str) -> Cost:
    """Cost of a process; raises when it fails."""
    began = time.perf_counter()
    env = os.environ | environment
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = _Peak(process.pid)
    error = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    peak.stop()
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(words)}: {error.decode()[-500:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak.mb)


class _Peak(threading.Thread):
    """Samples the memory of a process and its children until stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root, self._is_running, self.mb = psutil.Process(pid), True, 0.0
        self.start()

    def run(self) -> None:
        while self._is_running:
            self.mb = max(self.mb, self._now())
            time.sleep(0.5)  # reading a process's memory map costs it time

    def _now(self) -> float:
        try:
            tree = [self._root, *self._root.children(recursive=True)]
            return sum(p.memory_full_info().uss for p in tree) / 1e6
        except psutil.Error:
            return 0.0

    def stop(self) -> None:
        """End sampling."""
        self._is_running = False
        self.join()


def best(call: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several calls, after one that warms up."""
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)
