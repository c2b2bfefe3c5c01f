"""Vector engines to test: each by its URL, real or a stand-in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep
from typing import Final

import numpy as np

from indexer.engines import Collection, VectorEngine, connect_engine, parse_engine_address
from indexer.engines.base import keys_of
from indexer.types import Embeddings
from support.engine_rows import EngineRows

DIMENSION: Final = 16
_LATEST: Final = 120.0  # seconds until an eventually consistent service shows a change
_PAGE: Final = 1000


def connected(
    url: str, name: str, *, dimension: int = DIMENSION, timeout: float = 20.0
) -> VectorEngine:
    """Make the engine of a URL."""
    return connect_engine(
        parse_engine_address(url), Collection(name=name, dimension=dimension, timeout=timeout)
    )


@contextmanager
def engine_url(kind: str, folder: Path, rows: EngineRows | None = None) -> Iterator[str]:
    """Run what an engine of this kind needs, and give its URL."""
    with ExitStack() as stack:
        if kind == "weaviate":
            from support.weaviate_server import running_weaviate

            host, port = stack.enter_context(running_weaviate(rows or EngineRows()))
            yield f"weaviate://:secret@{host}?grpc_port={port}"
        elif kind == "pinecone":
            from support.pinecone_server import running_pinecone

            host = stack.enter_context(running_pinecone(rows or EngineRows()))
            yield f"pinecone://:secret@{host}?tls=false"
        elif kind == "milvus":
            yield f"milvus+local://{folder}/milvus.db"
        else:
            yield "qdrant+local://"


def unused_name() -> str:
    """Return the name of a collection that nobody has."""
    return f"lookalike_contract_{token_hex(8)}"


def unit(count: int, seed: int = 0) -> Embeddings:
    """Return random unit vectors, (count, DIMENSION) float32."""
    made = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def held_rows(engine: VectorEngine) -> list[int]:
    """Return all row ids, page by page."""
    found: list[int] = []
    while len(page := engine.rows(found[-1] if found else -1, _PAGE)):
        found += page.tolist()
    return found


def emptied(engine: VectorEngine) -> None:
    """Remove every row, and wait until it is gone."""
    if held := held_rows(engine):
        engine.remove(np.unique(keys_of(np.array(held, np.int64))))
        assert eventually(engine, lambda: not held_rows(engine))


def eventually(engine: VectorEngine, holds: Callable[[], bool]) -> bool:
    """Whether a condition holds: now, or in some time where the engine shows changes late."""
    limit = monotonic() + (0 if engine.capabilities.read_after_write else _LATEST)
    while not holds():
        if monotonic() > limit:
            return False
        sleep(0.5)
    return True
