"""The seam to the file system: what happens to a file in which order, and what an error leaves."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gex_pipeline.errors import StoreError
from gex_pipeline.store.objects import LocalObjects


@pytest.fixture
def objects(tmp_path) -> LocalObjects:
    return LocalObjects(tmp_path / "root")


def test_bytes_are_on_disk_before_they_have_their_name_and_the_name_afterwards(objects, monkeypatch):
    """The only way in which a power cut cannot leave a name without its bytes."""
    calls: list[str] = []
    rename = Path.replace

    def synced(handle: int) -> None:
        calls.append(f"sync {str(Path(f'/proc/self/fd/{handle}').readlink()).removeprefix(str(objects.root))}")

    def renamed(self: Path, target: Path) -> Path:
        calls.append(f"rename {target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    objects.write("a/b.txt", b"1")
    assert calls == ["sync /a/b.txt.tmp", "rename b.txt", "sync /a"]


def test_write_read_list_delete(objects):
    objects.write("b/2", b"two")
    objects.write("a/1", b"one")
    objects.write("a/1", b"uno")
    assert objects.list(".") == ["a/1", "b/2"]
    assert objects.list("a") == ["a/1"]
    assert objects.list("nothing") == []
    assert (objects.read("a/1"), objects.exists("a/1"), objects.exists("a/2")) == (b"uno", True, False)
    objects.delete("a/1")
    objects.delete("a/1")
    assert objects.list(".") == ["b/2"]
    with pytest.raises(FileNotFoundError):
        objects.read("a/1")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space left to write"),
        (errno.EDQUOT, "no space left to write"),
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "no permission to write"),
        (errno.EIO, "cannot write"),
    ],
)
@pytest.mark.parametrize("moment", ["fill", "commit"])
def test_an_error_keeps_the_old_object_and_is_told_in_one_line(objects, number, reason, moment):
    objects.write("a", b"old")

    def fails(_: Path) -> None:
        raise OSError(number, os.strerror(number))

    def fills(path: Path) -> None:
        path.write_bytes(b"half of the n")
        if moment == "fill":
            fails(path)

    with pytest.raises(StoreError, match=reason) as caught:
        objects.replace("a", fills, fails)
    assert str(objects.path("a")) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (objects.read("a"), objects.list(".")) == (b"old", ["a"])


def test_a_defect_while_filling_is_raised_as_it_is_and_leaves_nothing(objects):
    objects.write("a", b"old")

    def fills(path: Path) -> None:
        path.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        objects.replace("a", fills)
    assert (objects.read("a"), objects.list(".")) == (b"old", ["a"])


def test_a_lock_can_be_taken_again_after_an_error(objects):
    with pytest.raises(ZeroDivisionError), objects.lock("x"):
        raise ZeroDivisionError
    with objects.lock("x"):
        pass
