"""The folder of `gex demo`: whole or not at all, whatever ends the command, and never anybody else's."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import sys
import tempfile
import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.engine.demo_folder import new_folder
from gex_pipeline.errors import GexError
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.partitions import Store
from tests.integration.live import Run

#: What changes a folder, as the interpreter announces it.
CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}
FILES = ("warehouse/rows", "archive/okx/BTC", "report.html", "backtest.html")
NAMES = {"SYNTHETIC.txt", "warehouse", "archive", "report.html", "backtest.html"}


def make(out: Path, name: str, then: Callable[[], None] = lambda: None) -> None:
    """A tiny demo."""
    with new_folder(out, 2):
        fill(out, name)
        then()


def fill(out: Path, name: str) -> None:
    assert {path.name for path in out.iterdir()} == {"SYNTHETIC.txt", ".earlier"}
    (out / "warehouse").mkdir()
    (out / "warehouse" / MARKER).write_text('{"format": 1, "kind": "synthetic"}')  # Store syncs it, which takes time
    (out / "archive" / "okx").mkdir(parents=True)
    for file in FILES:
        (out / file).write_text(name)


def fail(out: Path, name: str) -> None:
    """A demo that stops in the middle."""
    with new_folder(out, 2):
        fill(out, name)
        raise KeyboardInterrupt


def whole(out: Path) -> str:
    """Which demo is there, of which nothing may be missing; empty where there is none and no litter."""
    if not out.exists() or not list(out.iterdir()):
        return ""
    assert {path.name for path in out.iterdir()} == NAMES
    (name,) = {(out / file).read_text() for file in FILES}
    return name


def killed_at(count: int, work: Callable[[Path, str], None], out: Path) -> bool:
    """Do the work in a process that kills itself before its so many-th change of the folder; whether it came so far."""
    with warnings.catch_warnings(action="ignore"):  # threads do not matter to a child that starts none
        child = os.fork()
    if child == 0:
        sys.addaudithook(killer(count))
        try:
            work(out, "new")
        except KeyboardInterrupt:
            os._exit(0)
        finally:
            os._exit(sys.exception() is not None)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killer(count: int) -> Callable[[str, tuple[Any, ...]], None]:
    left = count

    def hook(event: str, _: tuple[Any, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            left -= 1
            if not left:
                kill()

    return hook


@pytest.mark.parametrize(("before", "work"), [("", make), ("", fail), ("earlier", make)])
def test_a_kill_at_any_moment_leaves_one_of_them_whole(
    tmp_path: Path, before: str, work: Callable[[Path, str], None]
) -> None:
    out, found = tmp_path, list[str]()
    for count in range(1, 200):
        out = tmp_path / str(count)
        if before:
            make(out, before)
        if not killed_at(count, work, out):
            break
        with pytest.raises(KeyboardInterrupt):
            fail(out, "next")
        found.append(whole(out))
        make(out, "last")
        assert whole(out) == "last"
    assert whole(out) == ("new" if work is make else before)
    assert len(found) > 12 and set(found) == ({before, "new"} if work is make else {before})


def test_a_second_kill_while_the_first_is_mended(tmp_path: Path) -> None:
    is_killed, count = True, 0
    while is_killed:
        count += 1
        out = tmp_path / str(count)
        make(out, "earlier")
        assert killed_at(0, lambda out, name: make(out, name, kill), out)
        is_killed = killed_at(count, fail, out)
        with pytest.raises(KeyboardInterrupt):
            fail(out, "next")
        assert whole(out) == "earlier"
    assert count > 20


def test_a_demo_goes_once_the_next_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "some" / "out"
    with pytest.raises(KeyboardInterrupt):
        fail(out, "none")
    assert not list(tmp_path.iterdir())
    make(out, "first")
    with pytest.raises(KeyboardInterrupt):
        fail(out, "second")
    assert whole(out) == "first"
    make(out, "third")
    assert whole(out) == "third"


def test_two_demos_at_once(tmp_path: Path, gex: Run) -> None:
    out = tmp_path / "out"
    with new_folder(out, 2):
        fill(out, "first")
        status, _, errors = gex("demo", "--days", "2", "--out", str(out))
        assert status == 1 and errors.count("\n") == 1 and "another `gex demo` is at work in" in errors
    assert whole(out) == "first"


def test_a_mark_that_another_demo_has_just_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(handle: int, _: int) -> None:
        (tmp_path / "SYNTHETIC.txt").unlink()

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(GexError, match="another `gex demo`"), new_folder(tmp_path, 2):
        pass


def test_a_folder_that_is_no_demo_s_stays_as_it_is(tmp_path: Path, gex: Run) -> None:
    (tmp_path / "thesis.txt").write_text("all my work")
    status, _, errors = gex("demo", "--out", str(tmp_path))
    assert status == 2 and "is not empty and no demo" in errors
    status, _, errors = gex("demo", "--out", str(tmp_path / "thesis.txt"))
    assert status == 2 and "is no folder" in errors
    (tmp_path / "SYNTHETIC.txt").write_text("a demo's")
    status, _, errors = gex("demo", "--out", str(tmp_path))
    assert status == 2 and "has 'thesis.txt', which is no demo's" in errors
    assert (tmp_path / "thesis.txt").read_text() == "all my work"


@pytest.mark.parametrize("is_unfinished", [False, True])
@pytest.mark.parametrize("kind", ["real", "undecided", None])
def test_a_warehouse_that_is_no_demo_s_stays_as_it_is(
    tmp_path: Path, gex: Run, kind: str | None, is_unfinished: bool
) -> None:
    (tmp_path / "SYNTHETIC.txt").touch()
    (tmp_path / "warehouse").mkdir()
    if kind:
        Store(tmp_path / "warehouse").create(kind)
    if is_unfinished and kind:  # without a marker it is of the demo that was killed
        (tmp_path / ".earlier").mkdir()
    before = sorted(tmp_path.rglob("*"))
    status, _, errors = gex("demo", "--out", str(tmp_path))
    assert status == 2 and errors.count("\n") == 1 and "a warehouse that is no demo's" in errors
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_made_is_one_line_that_helps(tmp_path: Path, gex: Run) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for folder, status, words in (
        (str(tmp_path / "link"), 2, r"is a link to .*/nowhere, which is not there: make that folder first"),
        (str(tmp_path / ("x" * 300)), 1, r"cannot make a demo in .*: File name too long .*: choose another --out"),
        ("/proc/demo", 1, r"cannot make a demo in /proc/demo: .*: choose another --out"),
        ("s3://bucket/demo", 2, r"--out s3:/bucket/demo is no folder: object stores are not supported yet"),
    ):
        code, _, errors = gex("demo", "--out", folder)
        assert code == status and errors.count("\n") == 1 and re.search(words, errors), errors
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder, while this process may no more than anybody."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)


def test_a_demo_that_cannot_be_removed_is_said_before(as_nobody: Path) -> None:
    make(as_nobody / "out", "first")
    (as_nobody / "out" / "archive" / "okx").chmod(0o555)
    with pytest.raises(GexError, match=r"no permission to remove the demo that is there: allow writing in .*/okx"):
        make(as_nobody / "out", "second")
    assert whole(as_nobody / "out") == "first"


def test_a_demo_that_cannot_be_removed_any_more_is_said_after(as_nobody: Path) -> None:
    out = as_nobody / "out"
    make(out, "first")
    with pytest.raises(GexError, match=r"the new demo in .* is whole, but the one before cannot be removed: Perm"):
        make(out, "second", lambda: (out / ".earlier" / "archive" / "okx").chmod(0o555))
    with pytest.raises(GexError, match=r"cannot make a demo in .*: Permission denied"):
        make(out, "third")
    (out / ".obsolete" / "archive" / "okx").chmod(0o755)
    with pytest.raises(KeyboardInterrupt):
        fail(out, "fourth")
    assert whole(out) == "second"


@pytest.mark.parametrize(
    ("days", "is_there", "ways"),
    [
        ("90", False, "free some room, or ask for fewer --days"),
        ("2", False, "free some room"),
        ("2", True, "free some room, or delete the demo that is there"),
    ],
)
def test_no_room(
    gex: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: str, is_there: bool, ways: str
) -> None:
    if is_there:
        make(tmp_path / "out", "first")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9 - 5 * 10**6, 5 * 10**6))
    status, _, errors = gex("demo", "--days", days, "--out", str(tmp_path / "out"))
    assert status == 1 and re.search(rf"a demo of {days} days needs \d+ MB in .*, which has 5: {ways}\n", errors)
    assert whole(tmp_path / "out") == ("first" if is_there else "")
    assert (tmp_path / "out").exists() is is_there
