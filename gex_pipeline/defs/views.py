"""Assets of the views: computed when they are read, so nothing runs for them; they complete the graph."""

from __future__ import annotations

from dagster import AssetKey

from gex_pipeline.defs.specs import CHAINS, view
from gex_pipeline.schema import VIEWS
from gex_pipeline.schema.views import NEEDS

#: What a table is called in the graph, where that is not one asset of its name.
_KEYS = {"chain": CHAINS}

VIEW_SPECS = [
    view(table.name, [key for need in NEEDS[table.name] for key in _KEYS.get(need, [AssetKey(need)])])
    for table in VIEWS
]
