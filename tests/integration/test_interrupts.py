"""Ctrl-C in the middle of a large file: heard at once, said in one line, nothing left half done."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.bench import tardis
from tests.bench.measure import GEX

ARCHIVES = "[[archive]]\nsource = 'tardis-options-chain'\nfiles = 'OPTIONS.csv.gz'\nvenue = 'deribit'\n"


@pytest.mark.parametrize("source", [("tardis-options-chain", "OPTIONS.csv.gz"), ("archives", "archives.toml")])
def test_ctrl_c_while_ticks_are_read(tmp_path: Path, source: tuple[str, str]) -> None:
    tardis.write(tmp_path / "OPTIONS.csv.gz", 500_000)
    (tmp_path / "archives.toml").write_text(ARCHIVES)
    root = tmp_path / "warehouse"
    words = [*GEX, "--warehouse", str(root), "import", source[0], str(tmp_path / source[1])]
    for pause in (0.1, 0.3):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline() == "import: 1 to do\n"
        time.sleep(pause)  # into the file: whole, it takes some seconds
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[-1] == "gex: interrupted"
        assert not root.exists()
