"""Vector engines: databases of vectors outside this process, which nominate candidates.

An engine is chosen by the URL of `LOOKALIKE_VECTORS`. Its client library is imported by its own
module alone, so that importing this package loads none of them.
"""

from indexer.engines.base import Capabilities, Collection, VectorEngine
from indexer.engines.engine_address import EngineAddress, parse_engine_address
from indexer.engines.engine_schemes import connect_engine, known_schemes

__all__ = [
    "Capabilities",
    "Collection",
    "EngineAddress",
    "VectorEngine",
    "connect_engine",
    "known_schemes",
    "parse_engine_address",
]
