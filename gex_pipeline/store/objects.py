"""The seam to the file system: every path of the warehouse is opened, listed, locked and replaced here.

An object store would be a second class with the same methods. Paths are relative, with forward slashes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from gex_pipeline.errors import StoreError
from gex_pipeline.store.layout import TEMPORARY

_LOCKS = 64
#: What asks the process to stop: Ctrl-C, and `kill`, `docker stop` or systemd.
STOPS = (signal.SIGINT, signal.SIGTERM)


class LocalObjects:
    """Files under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def path(self, name: str) -> Path:
        """Absolute path of an object."""
        return self.root / name

    def list(self, prefix: str) -> list[str]:
        """All files below a folder, sorted; empty when the folder does not exist."""
        start = len(str(self.root)) + 1  # strings: a path object per file costs more than reading the folders
        found = (os.path.join(folder, name) for folder, _, names in os.walk(self.path(prefix)) for name in names)  # noqa: PTH118
        return sorted(path[start:].replace(os.sep, "/") for path in found)

    def exists(self, name: str) -> bool:
        """True when the object is there."""
        return self.path(name).exists()

    def read(self, name: str) -> bytes:
        """Bytes of an object; FileNotFoundError when it is not there."""
        return self.path(name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Replace an object atomically by bytes."""
        self.replace(name, lambda path: _write_bytes(path, data))

    def replace(
        self, name: str, fill: Callable[[Path], None], before_commit: Callable[[Path], None] = lambda _: None
    ) -> None:
        """Replace an object atomically: ``fill`` writes a temporary file, which is synced and renamed.

        ``before_commit`` sees the finished temporary file before it takes the object's name. Whatever goes wrong,
        the old object stays; no room and no permission become a :class:`StoreError`.
        """
        target = self.path(name)
        temporary = target.with_name(target.name + TEMPORARY)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            fill(temporary)
            _sync(temporary)
            before_commit(temporary)
            temporary.replace(target)
            _sync(target.parent)
        except OSError as error:
            raise StoreError(_explain(error, target)) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)  # not there any more when all went well

    def delete(self, name: str) -> None:
        """Remove an object if it is there."""
        self.path(name).unlink(missing_ok=True)

    @contextmanager
    def lock(self, name: str) -> Generator[None]:
        """Hold the lock of a name against other processes; it is freed when the process dies.

        Names share a fixed number of lock files, so a holder must not take a second lock.
        """
        with self._locked(f"{zlib.crc32(name.encode()) % _LOCKS:02d}"):
            yield

    @contextmanager
    def outer_lock(self, name: str) -> Generator[None]:
        """Hold a lock with a file of its own, so that its holder may take others; it is taken before any of them."""
        with self._locked(name):
            yield

    @contextmanager
    def _locked(self, file: str) -> Generator[None]:
        path = self.path(f".locks/{file}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StoreError(_explain(error, path)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


@contextmanager
def undisturbed() -> Generator[None]:
    """Let what would stop the process wait until the end of the block; only the main thread hears it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = {number: signal.signal(number, lambda number, _: heard.append(number)) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        signal.raise_signal(heard[0])


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sync(path: Path) -> None:
    """Force a file or folder to disk, so that a power cut cannot leave a name without its bytes."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left to write {path}; what was stored before is unchanged: free some room and run again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write {path}; what was stored before is unchanged"
    return f"cannot write {path}: {error.strerror or error}; what was stored before is unchanged"
