"""The error of a file that is not what was written."""

from __future__ import annotations

from gex_pipeline.errors import StoreError
from gex_pipeline.store.partitions import Store


def damage(store: Store, path: str) -> StoreError:
    """The error of a file that is not what was written."""
    return StoreError(f"{store.objects.path(path)} is damaged: it is not what was written; run `gex verify`")
