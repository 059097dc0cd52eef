"""A large text file as blocks of whole lines, decompressed while the block before is worked on.

Belongs here: reading and cutting. Not here: what a line means. Small files are read whole, by read.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from isal import igzip, isal_zlib

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.read import cut_off, damaged_gzip, opened

#: Large enough for the cost of a call not to count, small enough for a few of them to stay near the cache.
BLOCK_BYTES = 1 << 23
#: IsalError is declared as an instance in the types of isal.
_GZIP_ERRORS: tuple[type[Exception], ...] = (igzip.BadGzipFile, cast("type[Exception]", isal_zlib.IsalError))


@dataclass(frozen=True)
class Block:
    """Whole lines of a file: ``ends`` are the places of their line feeds, ``first_line`` is a line number, from 1."""

    data: bytes
    ends: np.ndarray
    first_line: int


def blocks(path: Path, block_bytes: int = BLOCK_BYTES) -> Generator[Block]:
    """The lines of a text file, or of a .gz of one, in order; a last line without its line feed gets one.

    Raises ``ImportFileError`` for a file that is missing, empty, cut off or damaged, when that place is reached.
    """
    line = 1
    with ExitStack() as stack:
        raw = stack.enter_context(opened(path))
        is_gzip = path.suffix.lower() == ".gz"
        file = stack.enter_context(cast("BinaryIO", igzip.open(raw))) if is_gzip else raw
        ahead = stack.enter_context(ThreadPoolExecutor(1))
        read = _lines_reader(lambda: _read(path, file, raw, block_bytes))
        pending = ahead.submit(_with_ends, read)
        while len((block := pending.result())[1]):
            pending = ahead.submit(_with_ends, read)
            yield Block(*block, line)
            line += len(block[1])
    if line == 1:
        raise ImportFileError(f"{path} is empty")


def _with_ends(read: Callable[[], bytes]) -> tuple[bytes, np.ndarray]:
    data = read()
    return data, np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))


def _read(path: Path, file: BinaryIO, raw: BinaryIO, n: int) -> bytes:
    try:
        return file.read(n)
    except EOFError:
        raise ImportFileError(cut_off(path, raw.tell())) from None
    except _GZIP_ERRORS as error:
        raise ImportFileError(damaged_gzip(path, raw.tell(), error)) from None
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from None


def _lines_reader(read: Callable[[], bytes]) -> Callable[[], bytes]:
    """A function that gives the next whole lines at each call, nothing at the end."""
    rest = b""

    def read_lines() -> bytes:
        nonlocal rest
        parts = [rest]
        while more := read():
            end = more.rfind(b"\n") + 1
            if end:
                rest = more[end:]
                return b"".join([*parts, more[:end]])
            parts.append(more)  # a line longer than a block
        last, rest = b"".join(parts), b""
        return last + b"\n" if last else last

    return read_lines
