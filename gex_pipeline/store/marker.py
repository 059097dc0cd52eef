"""The marker file of a warehouse: that a folder is one, and whether its data are real or made up."""

from __future__ import annotations

import json
from pathlib import Path

from gex_pipeline.errors import StoreError
from gex_pipeline.store import layout
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.objects import LocalObjects

_FORMAT = 1  # of the folder: counts changes of the layout
#: Kind of a warehouse as long as nobody has answered: what was asked may be a real market or a made-up one.
UNDECIDED = "undecided"


def create(root: Path, kind: str) -> None:
    """Mark a folder as a warehouse; ``kind`` (real, synthetic) keeps made-up data out of a real one.

    One that is ``UNDECIDED`` takes the first other kind; that kind itself goes with any.
    Raises ``StoreError`` when the folder is not empty and no warehouse, or a warehouse of another kind.
    """
    objects = LocalObjects(root)
    if not objects.exists(MARKER):
        _refuse_used(root, objects)
        with objects.lock(MARKER):
            if not objects.exists(MARKER):
                _mark(objects, kind)
    _require_kind(root, objects, kind)


def require(root: Path) -> None:
    """Raise ``StoreError`` unless a folder is a warehouse that this version reads."""
    objects = LocalObjects(root)
    layout.refuse_odd_names(objects.root)
    if not objects.exists(MARKER):
        what = "is not a warehouse" if root.exists() else "does not exist"
        raise StoreError(f"{root} {what}: `gex snapshot` or `gex import` makes one, --warehouse names another")
    _kind(objects)


def is_synthetic(root: Path) -> bool:
    """Whether a warehouse holds made-up data. Raises ``StoreError`` as :func:`require`."""
    require(root)
    return _kind(LocalObjects(root)) == "synthetic"


def _refuse_used(root: Path, objects: LocalObjects) -> None:
    """Raise ``StoreError`` for a folder that cannot become a warehouse."""
    layout.refuse_odd_names(objects.root)
    if root.exists() and not root.is_dir():
        raise StoreError(f"{root} is a file, not a folder: choose another --warehouse")
    # What another process that creates the warehouse at this moment, or was killed doing so, has made.
    ours = {".gitignore", ".locks", MARKER, MARKER + layout.TEMPORARY}
    is_used = root.is_dir() and any(p.name not in ours for p in root.iterdir())
    # whoever made it a warehouse at this moment may have begun to fill it
    if is_used and not objects.exists(MARKER):
        raise StoreError(f"{root} is neither empty nor a warehouse: choose another --warehouse")


def _require_kind(root: Path, objects: LocalObjects, kind: str) -> None:
    stored = _kind(objects)
    if stored == UNDECIDED != kind:
        with objects.lock(MARKER):
            if _kind(objects) == UNDECIDED:
                _mark(objects, kind)
        stored = _kind(objects)
    if kind not in (stored, UNDECIDED):
        raise StoreError(f"{root} is a warehouse of {stored} data: {kind} rows need another --warehouse")


def _mark(objects: LocalObjects, kind: str) -> None:
    objects.write(MARKER, json.dumps({"format": _FORMAT, "kind": kind}).encode() + b"\n")


def _kind(objects: LocalObjects) -> str:
    """What the marker says; raises ``StoreError`` when it is damaged or of a newer layout."""
    path = objects.path(MARKER)
    try:
        marker = json.loads(objects.read(MARKER))
        stored_format, kind = marker["format"], str(marker["kind"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f'{path} is damaged: it should read {{"format": 1, "kind": "real"}}') from error
    if stored_format != _FORMAT:
        raise StoreError(f"{path} has format {stored_format}, this version reads {_FORMAT}: use a newer gex")
    return kind
