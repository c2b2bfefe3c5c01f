"""Registry of an index's signal types.

To add one, write a `SignalType` in a module of its own and name it here: hashing, lookup, banking
and the index status are made of what it offers.
"""

from collections.abc import Mapping
from typing import Any

from indexer.settings import Settings
from indexer.signals.digest_signal import DigestType
from indexer.signals.embedding_signal import EmbeddingType
from indexer.signals.pdq_signal import PdqType
from indexer.signals.signal_type import SignalType
from indexer.types import FingerprintKind, Space


def signal_types(space: Space, settings: Settings) -> Mapping[str, SignalType[Any]]:
    """Return the types of signals, by name, in the order in which answers have them."""
    types: tuple[SignalType[Any], ...] = (
        PdqType(settings.pdq_min_quality),
        DigestType("sha256", FingerprintKind.SHA256),
        DigestType("photo_md5", FingerprintKind.MD5),
        EmbeddingType(space),
    )
    return {each.name: each for each in types}
