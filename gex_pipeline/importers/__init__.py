"""Archive files -> frames of the base tables. Pure of the warehouse: nothing here writes.

Belongs here: one reader per SOURCE of ``gex import``. Each takes a path and :class:`Options` and returns
:class:`Imported`, or raises ``ImportFileError`` for a file it refuses and ``UsageError`` for options that do not fit
(:func:`check_options` says so before any file is read).
"""

from gex_pipeline.importers.bars import bar_reader
from gex_pipeline.importers.base import (
    Imported,
    Options,
    Reader,
    check_options,
    grid_of,
    parse_duration,
    with_grid,
)
from gex_pipeline.importers.binance_eoh import read_binance_eoh
from gex_pipeline.importers.chain import read_chain
from gex_pipeline.importers.deribit_book_summary import read_book_summary
from gex_pipeline.importers.deribit_instruments import contract_sizes
from gex_pipeline.importers.klines import read_binance_klines
from gex_pipeline.importers.mapping import Mapping, load_mapping
from gex_pipeline.importers.tardis import read_tardis

#: SOURCE of ``gex import`` -> reader.
READERS: dict[str, Reader] = {
    "chain": read_chain,
    "binance-eoh": read_binance_eoh,
    "deribit-book-summary": read_book_summary,
    "binance-klines": read_binance_klines,
    "tardis-options-chain": read_tardis,
    "candles": bar_reader("candles"),
    "dvol": bar_reader("dvol"),
}

__all__ = [
    "READERS",
    "Imported",
    "Mapping",
    "Options",
    "Reader",
    "check_options",
    "contract_sizes",
    "grid_of",
    "load_mapping",
    "parse_duration",
    "with_grid",
]
