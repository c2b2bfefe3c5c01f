"""Sources: everything that pictures can be fed in from, behind one protocol."""

from indexer.sources.base import SKIP_CODES, Found, Listed, ListedArchive, ListedImage, SourceItem
from indexer.sources.known_uris import open_known
from indexer.sources.local import SourceFile, is_outside, read, walk
from indexer.sources.manifest_rows import columns_of
from indexer.sources.manifest_tables import is_manifest
from indexer.sources.manifests import is_row
from indexer.sources.names import SUFFIXES, container_of, uri_of, would_find
from indexer.sources.source_arguments import count_sources, list_sources, open_listed, open_sources

__all__ = [
    "SKIP_CODES",
    "SUFFIXES",
    "Found",
    "Listed",
    "ListedArchive",
    "ListedImage",
    "SourceFile",
    "SourceItem",
    "columns_of",
    "container_of",
    "count_sources",
    "is_manifest",
    "is_outside",
    "is_row",
    "list_sources",
    "open_known",
    "open_listed",
    "open_sources",
    "read",
    "uri_of",
    "walk",
    "would_find",
]
