"""Fingerprint lists: import into banks and export from them."""

from indexer.exchange.formats import format_of
from indexer.exchange.import_report import ImportReport
from indexer.exchange.items import BadRow
from indexer.exchange.list_export import ExportReport, export_bank
from indexer.exchange.list_import import DEFAULT_SOURCE, ImportOptions, Observer, import_lists
from indexer.exchange.writers import WRITERS

__all__ = [
    "DEFAULT_SOURCE",
    "WRITERS",
    "BadRow",
    "ExportReport",
    "ImportOptions",
    "ImportReport",
    "Observer",
    "export_bank",
    "format_of",
    "import_lists",
]
