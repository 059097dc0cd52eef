"""The files for running unattended are understood by those who read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "gex_pipeline" / "docs" / "deploy"
UNITS = sorted(p.name for p in DEPLOY.iterdir() if p.suffix in (".service", ".timer"))
#: docs.docker.com/reference/dockerfile
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "ENTRYPOINT", "CMD"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_the_unit(name: str, tmp_path: Path) -> None:
    """With a program that exists here in place of the one of the machine it is for."""
    for unit in UNITS:
        (tmp_path / unit).write_text(re.sub(r"/srv/gex/\.venv/bin/\w+", "/bin/true", (DEPLOY / unit).read_text()))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_unit_is_seen(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / UNITS[1]).read_text().replace("Nice=", "Nicer=").replace("KillSignal=", "KillSignl=")
    (tmp_path / "odd.service").write_text(re.sub(r"/srv/gex/\.venv/bin/\w+", "/bin/true", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "odd.service")], capture_output=True, text=True, check=False
    )
    assert "Unknown key" in done.stderr


def test_the_container_is_made_of_what_there_is() -> None:
    lines = [line for line in (DEPLOY / "Containerfile").read_text().splitlines() if line and not line.startswith("#")]
    words = [line.split() for line in lines]
    assert words[0][0] == "FROM" and {w[0] for w in words} <= INSTRUCTIONS
    sources = [source for w in words if w[0] == "COPY" for source in w[1:-1]]
    assert sources and all((PROJECT / source).exists() for source in sources)
    entry = next(line for line in lines if line.startswith("ENTRYPOINT"))
    assert entry == 'ENTRYPOINT ["gex"]'
