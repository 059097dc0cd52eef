"""The open GEX warehouse: option chains in, dealer exposures and levels out.

Public names: :func:`open_warehouse` and :class:`Warehouse`. Everything else is reached through them or through the
command ``gex``. The layout is told in ``docs/architecture.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gex_pipeline.warehouse import Warehouse, open_warehouse

__version__ = "0.1.0"
__all__ = ["Warehouse", "__version__", "open_warehouse"]


def __getattr__(name: str) -> Any:
    """Import the warehouse on first use: ``gex --help`` must not load an SQL engine."""
    if name in ("open_warehouse", "Warehouse"):
        from gex_pipeline import warehouse

        return getattr(warehouse, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
