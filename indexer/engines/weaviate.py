"""Weaviate engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import numpy as np
import weaviate
from grpc import RpcError
from httpx import HTTPError
from weaviate.classes import config
from weaviate.classes.data import DataObject
from weaviate.classes.init import AdditionalConfig, Timeout
from weaviate.classes.query import Filter
from weaviate.exceptions import WeaviateBaseError

from indexer.engines.base import Capabilities, Collection, Rows, unavailable_when
from indexer.engines.engine_address import EngineAddress
from indexer.engines.engine_requests import PATIENCE, batches, needs_tls, require_host, with_api_key
from indexer.errors import DimensionMismatch
from indexer.types import Embeddings, Keys

_FAILURES: Final = (WeaviateBaseError, HTTPError, RpcError, OSError)
_KEY_VARIABLE: Final = "WEAVIATE_API_KEY"
_MARK: Final = 0x6C6F6F6B_616C_696B << 64  # upper half of all our ids: "lookalik"
_ROW_BITS: Final = (1 << 64) - 1
_KEY: Final = "key"  # as text: numbers travel as doubles
_SENT: Final = 500  # objects of one request: one megabyte at 512 floats
_MOST_RESULTS: Final = 10_000  # QUERY_MAXIMUM_RESULTS, unless the server sets it


class WeaviateEngine:
    """A collection of objects whose ids hold the row ids, so that they are in the same order."""

    capabilities = Capabilities(max_k=_MOST_RESULTS, floor=False, read_after_write=True)

    def __init__(self, address: EngineAddress, collection: Collection) -> None:
        self._address = address
        self._has_tls = needs_tls(address)
        self._grpc_port = address.number("grpc_port", default=443 if self._has_tls else 50051)
        self._name = collection.name.capitalize()
        self._dimension = collection.dimension
        self._timeout = collection.timeout

    @cached_property
    def _client(self) -> weaviate.WeaviateClient:
        address, has_tls = self._address, self._has_tls
        timeout = Timeout(query=self._timeout, insert=PATIENCE, init=self._timeout)
        return weaviate.connect_to_custom(
            address.host,
            address.port or (443 if has_tls else 8080),
            has_tls,
            address.options.get("grpc_host", address.host),
            self._grpc_port,
            has_tls,
            auth_credentials=address.password,
            additional_config=AdditionalConfig(timeout=timeout),
            skip_init_checks=True,  # one of them asks PyPI for the library's newest version
        )

    @contextmanager
    def _calling(self) -> Iterator[Any]:
        """Give the collection, if the server answers; by gRPC the library would retry a minute."""
        with unavailable_when(_FAILURES, self._address):
            self._client.get_meta()
            objects = self._client.collections.use(self._name)
            yield objects.with_consistency_level(config.ConsistencyLevel.QUORUM)

    def ensure(self) -> bool:
        with self._calling() as objects:
            if is_new := not self._client.collections.exists(self._name):
                self._create()
            described = objects.config.get(simple=True).description or ""
        dimension = int("".join(filter(str.isdigit, described)) or 0)
        if dimension != self._dimension:
            raise DimensionMismatch(expected=self._dimension, got=dimension)
        return is_new

    def _create(self) -> None:
        text, whole = config.DataType.TEXT, config.Tokenization.FIELD
        key = config.Property(name=_KEY, data_type=text, tokenization=whole)
        index = config.Configure.VectorIndex.hnsw(distance_metric=config.VectorDistances.COSINE)
        self._client.collections.create(
            self._name,
            description=f"Lookalike: vectors of {self._dimension} floats",
            properties=[key],
            vector_config=config.Configure.Vectors.self_provided(vector_index_config=index),
        )

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        for batch in batches(rows, vectors, _SENT):
            made = [
                DataObject(properties={_KEY: str(key)}, uuid=_uuid(row), vector=vector.tolist())
                for row, key, vector in batch
            ]
            with self._calling() as objects:
                if failed := objects.data.insert_many(made).errors:
                    raise WeaviateBaseError(next(iter(failed.values())).message)

    def remove(self, keys: Keys) -> None:
        for start in range(0, len(keys), _SENT):
            wanted = list(map(str, keys[start : start + _SENT].tolist()))
            of_keys = Filter.by_property(_KEY).contains_any(wanted)
            with self._calling() as objects:
                while (done := objects.data.delete_many(where=of_keys)).matches:
                    if not done.successful:
                        raise WeaviateBaseError(f"{done.failed} objects could not be deleted")

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> list[Rows]:
        with self._calling() as objects:
            answers = [
                objects.query.near_vector(near_vector=query.tolist(), limit=k, return_properties=[])
                for query in queries
            ]
        return [_rows(each.objects) for each in answers]

    def count(self) -> int:
        with self._calling() as objects:
            return int(objects.aggregate.over_all(total_count=True).total_count)

    def rows(self, after: int, limit: int) -> Rows:
        with self._calling() as objects:
            start, most = None if after < 0 else _uuid(after), min(limit, _MOST_RESULTS)
            page = objects.query.fetch_objects(limit=most, after=start, return_properties=[])
        return _rows(page.objects)

    def drop(self) -> None:
        with self._calling():
            self._client.collections.delete(self._name)

    def close(self) -> None:
        if opened := vars(self).pop("_client", None):
            opened.close()


def _uuid(row: int) -> UUID:
    return UUID(int=_MARK | row)


def _rows(objects: Any) -> Rows:
    return np.array([each.uuid.int & _ROW_BITS for each in objects], np.int64)


def connect(address: EngineAddress, collection: Collection) -> WeaviateEngine:
    """Make an engine of a server: `weaviate://:key@host:8080?grpc_port=50051&tls=true`."""
    address.require_options({"grpc_host", "grpc_port", "tls"})
    require_host(address)
    return WeaviateEngine(with_api_key(address, _KEY_VARIABLE), collection)
