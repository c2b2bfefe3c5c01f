"""Registry of vector engines: entry points by URL scheme."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final, Protocol, cast

from indexer.engines.base import Collection, VectorEngine
from indexer.engines.engine_address import SETTING, EngineAddress
from indexer.errors import SettingsError

GROUP: Final = "lookalike.vector_engines"
"""Entry points: the name is the URL's scheme, the object a `Connect`."""


class Connect(Protocol):
    """Makes an engine; connects to nothing yet."""

    def __call__(self, address: EngineAddress, collection: Collection) -> VectorEngine:
        """Return an engine for one collection.

        Raises
        ------
        SettingsError
            The address lacks what the engine needs, or has an option that it does not know.
        """


def known_schemes() -> list[str]:
    """Return the schemes of all installed engines, in alphabetical order."""
    return sorted(entry_points(group=GROUP).names)


def connect_engine(address: EngineAddress, collection: Collection) -> VectorEngine:
    """Make the engine that an address names; nothing is connected to yet.

    Raises
    ------
    SettingsError
        There is no such engine, its client library is not installed, or the address is incomplete.
    """
    found = entry_points(group=GROUP, name=address.scheme)
    if not found:
        known = ", ".join(f"{scheme}://" for scheme in known_schemes()) or "none"
        raise SettingsError(
            f"{SETTING}: there is no vector engine {address.scheme}://. Known: {known}. "
            "Unset the variable to search in this process."
        )
    return _load(next(iter(found)))(address, collection)


def _load(entry: EntryPoint) -> Connect:
    try:
        return cast("Connect", entry.load())
    except ImportError as error:
        extra = entry.name.partition("+")[0]
        raise SettingsError(
            f"{SETTING}: {entry.name}:// needs a package that is not installed "
            f"({error.name or error}). Run `pip install 'lookalike[{extra}]'`."
        ) from error
