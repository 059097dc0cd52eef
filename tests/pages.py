"""The commands of a page of Markdown, run and compared with what the page shows.

Every fenced block of shell is run, in order, in a copy of the tree: ```sh blocks as they stand, ```console blocks
command by command (lines after ``$ ``, continued by ``> ``), with what is shown below a command compared with what it
prints. `...` on a line of its own stands for any number of lines. Times, identifiers and run times are not compared.

Comments on the line above a block say where that cannot be: ``<!-- not run: reason -->`` and, for output whose
numbers differ from run to run, ``<!-- numbers vary: reason -->``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHELL = {"sh", "bash", "shell", "console"}
TIMEOUT_SECONDS = 300

#: Commands that would run the tests again, fetch packages, or never end.
NOT_HERE = re.compile(r"^\s*(make (test|check|dev|clean|ui)\b|\.ci/run\b|git clone\b|.*\bpip install\b)", re.MULTILINE)

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>\w*)\s*$")
_COMMENT = re.compile(r"<!-- (not run|numbers vary): (.+?) -->")
_VOLATILE = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),  # colours
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d| UTC)?"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|sec|seconds?|min|minutes?|h|hours?)\b"), "<duration>"),
    (re.compile(r"\b\d+(\.\d+)? ?([kKMG]i?B)\b"), "<size>"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
]
_NUMBER = re.compile(r"\d[\d,_]*(\.\d+)?")


@dataclass(frozen=True)
class Command:
    """What is typed, the output that is shown (None: none is), and the place it stands at, as README.md:12."""

    where: str
    text: str
    shown: str | None
    is_number_compared: bool = True


def commands(text: str, page: str) -> list[Command]:
    """The shell commands of a Markdown text that are to be run, in order; ``page`` names it in messages."""
    found: list[Command] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if not fence:
            at += 1
            continue
        end = _closing(lines, at, fence, page)
        body = [line.removeprefix(fence["indent"]) for line in lines[at + 1 : end]]
        notes = dict(_COMMENT.findall(_line_above(lines, at)))
        if fence["language"] in SHELL and "not run" not in notes:
            read = _console if fence["language"] == "console" else _script
            found += read(body, page, at + 2, "numbers vary" not in notes)
        at = end + 1
    return found


def _closing(lines: list[str], start: int, fence: re.Match[str], page: str) -> int:
    for at in range(start + 1, len(lines)):
        if lines[at].strip() == fence["fence"]:
            return at
    raise AssertionError(f"{page}:{start + 1}: the block is not closed")


def _line_above(lines: list[str], at: int) -> str:
    """The nearest line above that is not empty."""
    return next((line for line in reversed(lines[:at]) if line.strip()), "")


def _script(body: list[str], page: str, line: int, is_number_compared: bool) -> list[Command]:
    is_only_comments = all(not row.strip() or row.strip().startswith("#") for row in body)
    return [] if is_only_comments else [Command(f"{page}:{line}", "\n".join(body), None, is_number_compared)]


def _console(body: list[str], page: str, line: int, is_number_compared: bool) -> list[Command]:
    """Commands begin with ``$ `` and go on with ``> ``; what follows is their output."""
    found: list[Command] = []
    at = 0
    while at < len(body):
        if not body[at].startswith("$ "):
            raise AssertionError(f"{page}:{line + at}: a console block begins with a command: '$ ...'")
        start, typed, shown = at, [body[at][2:]], []
        at += 1
        while at < len(body) and body[at].startswith("> "):
            typed.append(body[at][2:])
            at += 1
        while at < len(body) and not body[at].startswith("$ "):
            shown.append(body[at])
            at += 1
        output = "\n".join(shown).strip("\n")
        found.append(Command(f"{page}:{line + start}", "\n".join(typed), output or None, is_number_compared))
    return found


def is_as_shown(shown: str, printed: str, is_number_compared: bool) -> bool:
    """True when the printed text is the shown one, but for what changes from run to run."""
    rows = [re.escape(row) for row in _steady(shown, is_number_compared).splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if row == r"\.\.\." else row + "\n" for row in rows)
    return re.fullmatch(pattern, _steady(printed, is_number_compared).rstrip("\n") + "\n") is not None


def _steady(text: str, is_number_compared: bool) -> str:
    """The text with what changes from run to run replaced; without numbers also the widths of columns go."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    if not is_number_compared:
        text = re.sub(r"[ ─━═-]{2,}", " ", _NUMBER.sub("<n>", text))
    return text.strip("\n")


def copy_of_the_tree(to: Path) -> None:
    """The project as a clean clone, with a .venv that stands for the one `make` would fill from the network."""
    top = {"gex_pipeline", "gex_backtest", "tests", "data"}
    shutil.copytree(
        ROOT,
        to,
        ignore=lambda folder, names: [
            name
            for name in names
            if name == "__pycache__"
            or name.endswith("_cache")
            or (Path(folder) == ROOT and (ROOT / name).is_dir() and name not in top)
            or (Path(folder) == ROOT / "data" and name in {"warehouse", "demo", "copy", "dagster"})
        ],
    )
    venv = to / ".venv"
    venv.mkdir()
    for part in Path(sys.prefix).iterdir():
        (venv / part.name).symlink_to(part)
    for extra in ("run", "dagster", "test", "dev"):
        (venv / f"{extra}.stamp").unlink(missing_ok=True)
        (venv / f"{extra}.stamp").touch()


def run(command: Command, tree: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as if typed into the page's terminal: the folder and exported variables of the last one hold."""
    page, _, _ = command.where.rpartition(":")
    state = tree.parent / f"{page.replace('/', '-')}.sh"
    script = (
        f'if [ -f "{state}" ]; then . "{state}"; fi\nset -e\n{command.text}\n'
        f'{{ export -p; printf "cd \'%s\'\\n" "$PWD"; }} > "{state}"\n'
    )
    of_make = {"ARGS", "JOBS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # a `make test` this runs in hands them down
    environment = {name: value for name, value in os.environ.items() if name not in of_make} | {
        "PATH": f"{tree / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tree),  # the copy, not the tree this environment was installed from
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "ARGS": "--days 7",  # of `make demo`, whose first days are the same however many there are
        "MAKEFLAGS": "--no-print-directory",
    }
    return subprocess.run(
        ["sh", "-c", script],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
