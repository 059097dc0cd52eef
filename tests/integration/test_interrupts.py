"""Ctrl-C in the middle of a large file: heard at once, said in one line, nothing left half done."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gex_pipeline.store.partitions import Store
from tests.bench import tardis
from tests.bench.measure import GEX

ARCHIVES = "[[archive]]\nsource = 'tardis-options-chain'\nfiles = 'OPTIONS.csv.gz'\nvenue = 'deribit'\n"


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes some seconds to read, and a list of archives that names it."""
    folder = tmp_path_factory.mktemp("ticks")
    tardis.write(folder / "OPTIONS.csv.gz", 500_000)
    (folder / "archives.toml").write_text(ARCHIVES)
    return folder


@pytest.mark.parametrize("source", [("tardis-options-chain", "OPTIONS.csv.gz"), ("archives", "archives.toml")])
def test_ctrl_c_while_ticks_are_read(tmp_path: Path, ticks: Path, source: tuple[str, str]) -> None:
    root = tmp_path / "warehouse"
    words = [*GEX, "--warehouse", str(root), "import", source[0], str(ticks / source[1])]
    for pause in (0.1, 0.3):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline() == "import: 1 to do\n"
        time.sleep(pause)  # into the file
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[-1] == "gex: interrupted"
        assert not root.exists()


@pytest.mark.parametrize(("number", "pause"), [(signal.SIGINT, 0.0), (signal.SIGINT, 1.0), (signal.SIGTERM, 0.5)])
def test_ctrl_c_while_a_function_of_a_query_runs(tmp_path: Path, number: signal.Signals, pause: float) -> None:
    """Raised within a Python function, it would be an error of the query, or lost."""
    Store(tmp_path).create("real")
    endless = "SELECT sum(black76_price(x, 50000, 0.1, 0.5, 'C')) FROM range(1, 10000000000) AS t(x)"
    process = subprocess.Popen(
        [*GEX, "--warehouse", str(tmp_path), "sql", endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for_cpu(process.pid, 1.5 + pause)  # beyond what the start takes
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", "gex: interrupted\n")
    assert process.returncode == 128 + number


def test_ctrl_c_while_the_command_is_loaded() -> None:
    code = """
import os, signal, sys
class Key:
    def find_spec(self, name, *_):
        if name == "gex_pipeline.commands":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Key())
from gex_pipeline.entry import run
run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "gex: interrupted\n")


def _wait_for_cpu(pid: int, seconds: float) -> None:
    """Wait until a process has worked for so long, however busy the machine is."""
    while sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) < 100 * seconds:
        time.sleep(0.02)
