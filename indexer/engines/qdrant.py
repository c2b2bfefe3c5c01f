"""Qdrant engine, and Qdrant's local mode in one process."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from math import ceil
from threading import RLock
from typing import Any, Final

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from indexer.engines.base import Capabilities, Collection, Rows, keys_of, unavailable_when
from indexer.engines.engine_address import SETTING, EngineAddress
from indexer.errors import DimensionMismatch, SettingsError
from indexer.types import Embeddings, Keys

_FAILURES: Final = (ApiException, OSError, RuntimeError, ValueError)
"""Of the client; the local mode raises the last two, for a folder in use and a collection gone."""
_POINTS: Final = 256  # of one request: half a megabyte at 512 floats
_KEY: Final = "key"  # of the payload: whose rows are removed together
_LEAST_EF: Final = 128  # candidates that HNSW keeps while it searches


class QdrantEngine:
    """Points with the ids of rows, and their keys in the payload."""

    capabilities = Capabilities(max_k=10_000, floor=True, read_after_write=True)

    def __init__(
        self,
        address: EngineAddress,
        collection: Collection,
        client_options: dict[str, Any],
        *,
        is_local: bool,
    ) -> None:
        self._address = address
        self._name = collection.name
        self._dimension = collection.dimension
        self._client_options = client_options
        self._is_local = is_local  # the client is a database itself, and not made for threads
        self._turn = RLock() if is_local else nullcontext()

    @cached_property
    def _client(self) -> QdrantClient:
        # a check of versions would connect, and warn where it cannot
        return QdrantClient(**self._client_options, check_compatibility=False)

    @contextmanager
    def _calling(self) -> Iterator[QdrantClient]:
        with unavailable_when(_FAILURES, self._address), self._turn:
            yield self._client

    def ensure(self) -> bool:
        with self._calling() as client:
            if client.collection_exists(self._name):
                config = client.get_collection(self._name).config.params.vectors
                size = config.size if isinstance(config, models.VectorParams) else 0
            else:
                size = None
                client.create_collection(
                    self._name,
                    vectors_config=models.VectorParams(
                        size=self._dimension, distance=models.Distance.DOT
                    ),
                )
                if not self._is_local:  # it has no such indexes, and warns
                    client.create_payload_index(
                        self._name, _KEY, models.PayloadSchemaType.INTEGER, wait=True
                    )
        if size not in {None, self._dimension}:
            raise DimensionMismatch(expected=self._dimension, got=int(size or 0))
        return size is None

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        keys = keys_of(rows)
        for start in range(0, len(rows), _POINTS):
            part = slice(start, start + _POINTS)
            points = models.Batch(
                ids=rows[part].tolist(),
                vectors=vectors[part].tolist(),
                payloads=[{_KEY: key} for key in keys[part].tolist()],
            )
            with self._calling() as client:
                client.upsert(self._name, points, wait=True)

    def remove(self, keys: Keys) -> None:
        for start in range(0, len(keys), _POINTS):
            wanted = models.MatchAny(any=keys[start : start + _POINTS].tolist())
            of_keys = models.Filter(must=[models.FieldCondition(key=_KEY, match=wanted)])
            with self._calling() as client:
                client.delete(self._name, models.FilterSelector(filter=of_keys), wait=True)

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> list[Rows]:
        params = None if self._is_local else models.SearchParams(hnsw_ef=max(_LEAST_EF, 2 * k))
        requests = [
            models.QueryRequest(query=query, limit=k, score_threshold=floor, params=params)
            for query in queries.tolist()
        ]
        with self._calling() as client:
            answers = client.query_batch_points(self._name, requests)
        return [np.array([point.id for point in each.points], np.int64) for each in answers]

    def count(self) -> int:
        with self._calling() as client:
            return client.count(self._name, exact=True).count

    def rows(self, after: int, limit: int) -> Rows:
        with self._calling() as client:
            points, _ = client.scroll(
                self._name, limit=limit, offset=after + 1, with_payload=False, with_vectors=False
            )
        return np.array([point.id for point in points], np.int64)

    def drop(self) -> None:
        with self._calling() as client:
            client.delete_collection(self._name)

    def close(self) -> None:
        self._client.close()


def connect(address: EngineAddress, collection: Collection) -> QdrantEngine:
    """Make an engine of a server: `qdrant://:key@host:6333`, or `qdrant://host:6333?tls=true`."""
    address.require_options({"tls"})
    if not address.host:
        raise SettingsError(f"{SETTING}: qdrant:// needs a host, as in qdrant://host:6333.")
    has_tls = address.flag("tls", default=bool(address.password))
    if address.password and not has_tls:
        raise SettingsError(f"{SETTING}: an API key is only sent with TLS: leave out tls=false.")
    options = {
        "host": address.host,
        "port": address.port or 6333,
        "https": has_tls,
        "api_key": address.password,
        "prefix": address.path.strip("/") or None,
        "timeout": ceil(collection.timeout),
    }
    return QdrantEngine(address, collection, options, is_local=False)


def connect_local(address: EngineAddress, collection: Collection) -> QdrantEngine:
    """Make an engine in a folder (`qdrant+local:///folder`) or in memory, for one process."""
    address.require_options(())
    options = {"path": address.path} if address.path else {"location": ":memory:"}
    return QdrantEngine(address, collection, options, is_local=True)
