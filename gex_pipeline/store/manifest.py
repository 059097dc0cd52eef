"""The manifest beside every data file: what is in it, what it was made from and by which code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

#: Packages whose source decides what derived tables contain.
_DERIVING = ("core", "schema", "transforms")


@dataclass(frozen=True)
class Manifest:
    """``inputs`` maps the name of each input to the content hash it had; ``content_hash`` is of the data file."""

    table: str
    rows: int
    content_hash: str
    inputs: dict[str, str]
    code_version: str
    schema_version: int
    created_at: str

    def to_json(self) -> bytes:
        """Stable, readable bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode() + b"\n"

    @staticmethod
    def from_json(data: bytes) -> Manifest:
        """Read a manifest; ValueError when the bytes are none."""
        try:
            return _READER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"not a manifest: {error}") from error

    def is_made_from(self, other: Manifest) -> bool:
        """True when the other manifest has the same inputs, code and schema: rebuilding would change nothing."""
        return (self.inputs, self.code_version, self.schema_version) == (
            other.inputs,
            other.code_version,
            other.schema_version,
        )


_READER = msgspec.json.Decoder(Manifest)


def file_hash(path: Path) -> str:
    """Content hash of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def code_version() -> str:
    """Hash of the source that computes derived tables: any change of it makes them stale."""
    return source_hash(*_DERIVING)


@cache
def source_hash(*folders: str) -> str:
    """Hash of the source in some folders of the package."""
    digest = hashlib.sha256()
    package = files("gex_pipeline")
    for folder in folders:
        for source in sorted(package.joinpath(folder).iterdir(), key=lambda f: f.name):
            if source.name.endswith(".py"):
                digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def utc_text(instant: datetime) -> str:
    """ISO 8601 with Z and seconds."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
