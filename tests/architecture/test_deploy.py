"""The files for running unattended are understood by those who read them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from gex_pipeline import cli

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
    text = (DEPLOY / "gex-around.service").read_text().replace("Nice=", "Nicer=")
    (tmp_path / "odd.service").write_text(re.sub(r"/srv/gex/\.venv/bin/\w+", "/bin/true", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "odd.service")], capture_output=True, text=True, check=False
    )
    assert "Unknown key" in done.stderr


def directives(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (DEPLOY / unit).read_text(), re.MULTILINE)


def commands(unit: str) -> list[str]:
    """What a unit runs of this project, the program's folder aside."""
    (line,) = directives(unit, "ExecStart")
    return re.findall(r"/srv/gex/\.venv/bin/(gex [a-z -]*[a-z])", line)


def minute(timer: str) -> str:
    (calendar,) = directives(timer, "OnCalendar")
    return calendar.split(":")[1]


@pytest.mark.parametrize("timer", [unit for unit in UNITS if unit.endswith(".timer")])
def test_what_a_timer_starts_is_a_command_and_over_before_the_next_hour(timer: str) -> None:
    service = timer.replace(".timer", ".service")
    assert commands(service) and not directives(service, "ExecStopPost")  # which would run at every shutdown
    for command in commands(service):
        cli.app.parse_args(command.split()[1:])
    (limit,) = directives(service, "TimeoutStartSec")
    assert int(minute(timer)) + int(limit.removesuffix("min")) < 60
    assert directives(service, "OnFailure") == ["gex-alert@%n.service"] and "gex-alert@.service" in UNITS


@pytest.mark.parametrize("unit", ["gex-snapshot.service", "gex-around.service"])
@pytest.mark.parametrize(
    ("first", "second", "worse"),
    [
        (0, 0, 0),
        (3, 0, 3),
        (0, 3, 3),
        (3, 3, 3),
        (3, 1, 1),
        (1, 0, 1),
        (1, 3, 1),
        (0, 1, 1),
        (130, 0, 130),
        (3, 130, 130),
    ],
)
def test_a_unit_runs_both_commands_and_fails_as_the_worse(
    tmp_path: Path, unit: str, first: int, second: int, worse: int
) -> None:
    one, other = commands(unit)
    gex, ran = tmp_path / "gex", tmp_path / "ran"
    gex.write_text(
        f'#!/bin/sh\necho "gex $1" >> {ran}\ncase $1 in {one.split()[1]}) exit {first};; *) exit {second};; esac\n'
    )
    gex.chmod(0o755)
    (line,) = directives(unit, "ExecStart")
    words = shlex.split(line.replace("/srv/gex/.venv/bin/gex", str(gex)).replace("$$", "$"))
    assert subprocess.run(words, check=False).returncode == worse
    assert ran.read_text().splitlines() == [one, other]


def test_the_alert_may_start_a_mail_program_that_is_setuid() -> None:
    assert "mail" in directives("gex-alert@.service", "ExecStart")[0]
    assert not directives("gex-alert@.service", "NoNewPrivileges")


def test_dagster_that_dies_again_and_again_has_failed() -> None:
    """Before its starts are too far apart to count."""
    (burst,), (within,), (pause,) = (
        directives("gex-dagster.service", name) for name in ("StartLimitBurst", "StartLimitIntervalSec", "RestartSec")
    )
    assert int(burst) * int(pause) < int(within.removesuffix("min")) * 60


@pytest.mark.parametrize("timer", [unit for unit in UNITS if unit.endswith(".timer")])
def test_page_and_container_run_the_same_at_the_same_minute(timer: str) -> None:
    page, container = ((DEPLOY / name).read_text().splitlines() for name in ("../live.md", "Containerfile"))
    rows = [line for line in page if line.startswith(f"| :{minute(timer)} |")]
    entries = [line for line in container if re.match(rf"# +{int(minute(timer))} \* \* \* \* ", line)]
    for line in (*rows, *entries):
        assert all(command in line for command in commands(timer.replace(".timer", ".service")))
    assert len(rows) == len(entries) == 1


@pytest.mark.parametrize("unit", [unit for unit in UNITS if directives(unit, "ReadWritePaths")])
def test_the_page_makes_every_folder_that_a_unit_writes_to(unit: str) -> None:
    """One that is not there keeps the unit from starting."""
    made = re.search(r"^ *install -d .*$", (DEPLOY / "../live.md").read_text(), re.MULTILINE)
    assert made is not None and set(directives(unit, "ReadWritePaths")[0].split()) <= set(made.group().split())


def test_the_container_is_made_of_what_there_is() -> None:
    lines = [line for line in (DEPLOY / "Containerfile").read_text().splitlines() if line and not line.startswith("#")]
    words = [line.split() for line in lines]
    assert words[0][0] == "FROM" and {w[0] for w in words} <= INSTRUCTIONS
    sources = [source for w in words if w[0] == "COPY" for source in w[1:-1]]
    assert sources and all((PROJECT / source).exists() for source in sources)
    entry = next(line for line in lines if line.startswith("ENTRYPOINT"))
    assert entry == 'ENTRYPOINT ["gex"]'
