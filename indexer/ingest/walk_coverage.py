"""Walk coverage: where a known source that was not met is gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from indexer.sources import Found, SourceItem, would_find

_MOST_BLIND: Final = 10_000
"""Most places that could not be entered; with more of them no source is said to be gone."""


class WalkCoverage:
    """The roots that were walked, and the places in them that could not be entered.

    A root in which nothing is found covers nothing: an empty folder is usually a disk that is not
    mounted.
    """

    def __init__(self) -> None:
        self._roots: dict[str, str] = {}  # by each beginning that URIs beneath it may have
        self._blind: set[str] = set()

    @property
    def is_known(self) -> bool:
        """Whether all blind spots are known; otherwise no source can be said to be gone."""
        return len(self._blind) < _MOST_BLIND

    def note(self, found: Found) -> None:
        """Add an item of the walk."""
        if isinstance(found, SourceItem):
            self._add(found.root)
        elif len(self._blind) < _MOST_BLIND:
            self._blind.add(found.uri)

    def covers(self, uri: str) -> bool:
        """Return whether the walk would have met this source if it still existed."""
        above = [*_above(uri)]
        return self._blind.isdisjoint(above) and any(
            would_find(self._roots[start], uri) for start in above if start in self._roots
        )

    def _add(self, root: str) -> None:
        if root not in self._roots:
            self._roots[root] = root
            if root.startswith("/"):  # names that are no text are remembered as file: URLs
                self._roots[Path(root).as_uri()] = root


def _above(uri: str) -> Iterator[str]:
    """Yield a URI and the folders and archives that it lies in, as roots and skips name them."""
    yield uri
    while uri:
        uri, separator, _ = uri.rpartition("/")
        if separator:
            uri = uri.removesuffix("!")
            yield uri
    yield "/"
