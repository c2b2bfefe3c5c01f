"""Milvus engine, and Milvus Lite in one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from logging import CRITICAL, getLogger
from typing import Any, Final

import numpy as np
from grpc import RpcError
from pymilvus import DataType, MilvusClient, MilvusException

from indexer.engines.base import Capabilities, Collection, Rows, unavailable_when
from indexer.engines.engine_address import SETTING, EngineAddress
from indexer.engines.engine_requests import PATIENCE, batches, http_url
from indexer.errors import DimensionMismatch, SettingsError
from indexer.types import Embeddings, Keys

_FAILURES: Final = (MilvusException, RpcError, OSError, ValueError)
_ROW, _KEY, _VECTOR = "id", "key", "vector"  # servers before 2.4 name any primary key "id"
_SENT: Final = 1000  # rows of one request: two megabytes at 512 floats
_KEYS: Final = 500  # of one expression
_MOST_K: Final = 16_384  # Milvus's own limit
_ASKED: Final = 64  # queries of one request


# it prints whatever it raises as well, and at every list of rows that an old server has no clock
getLogger("pymilvus").setLevel(CRITICAL)


class MilvusEngine:
    """Entities with row ids as primary keys, in a collection of strong consistency.

    Milvus's range search is not used: it stopped early in some versions (milvus-io/milvus#42951).
    What is removed is looked up first and deleted by primary key: other expressions are resolved
    without strong consistency, and deleted rows have come back (milvus-io/milvus#33015).
    """

    capabilities = Capabilities(max_k=_MOST_K, floor=False, read_after_write=True)

    def __init__(
        self, address: EngineAddress, collection: Collection, client_options: dict[str, Any]
    ) -> None:
        self._address = address
        self._name = collection.name
        self._dimension = collection.dimension
        self._timeout = collection.timeout
        self._client_options = client_options

    @cached_property
    def _client(self) -> MilvusClient:
        channel = {"grpc.max_reconnect_backoff_ms": 2_000}  # else two minutes, server up or not
        options = {"timeout": self._timeout, "dedicated": True, "grpc_options": channel}
        return MilvusClient(**self._client_options, **options)

    @contextmanager
    def _calling(self) -> Iterator[MilvusClient]:
        with unavailable_when(_FAILURES, self._address):
            yield self._client

    def ensure(self) -> bool:
        with self._calling() as client:
            if is_new := not client.has_collection(self._name, timeout=PATIENCE):
                self._create(client)
            fields = client.describe_collection(self._name, timeout=PATIENCE)["fields"]
            client.load_collection(self._name, timeout=PATIENCE)
        dimension = sum(int(each["params"].get("dim", 0)) for each in fields)
        if dimension != self._dimension:
            raise DimensionMismatch(expected=self._dimension, got=dimension)
        return is_new

    def _create(self, client: MilvusClient) -> None:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(_ROW, DataType.INT64, is_primary=True)
        schema.add_field(_KEY, DataType.INT64)
        schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=self._dimension)
        index = client.prepare_index_params()
        index.add_index(_VECTOR, index_type="AUTOINDEX", metric_type="IP")
        made = {"schema": schema, "index_params": index, "consistency_level": "Strong"}
        client.create_collection(self._name, **made, timeout=PATIENCE)

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        for batch in batches(rows, vectors, _SENT):
            entities = [{_ROW: row, _KEY: key, _VECTOR: vector} for row, key, vector in batch]
            with self._calling() as client:
                client.upsert(self._name, entities, timeout=PATIENCE)

    def remove(self, keys: Keys) -> None:
        for start in range(0, len(keys), _KEYS):
            of_keys = f"{_KEY} in {keys[start : start + _KEYS].tolist()}"
            while found := self._lowest(of_keys, _SENT):
                with self._calling() as client:
                    client.delete(self._name, ids=found, timeout=PATIENCE)

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> list[Rows]:
        found: list[Rows] = []
        how = {"limit": k, "search_params": {"metric_type": "IP"}, "timeout": self._timeout}
        for start in range(0, len(queries), _ASKED):
            with self._calling() as client:
                answers = client.search(self._name, list(queries[start : start + _ASKED]), **how)
            found += [np.array([hit[_ROW] for hit in hits], np.int64) for hits in answers]
        return found

    def count(self) -> int:
        with self._calling() as client:
            answer = client.query(self._name, output_fields=["count(*)"], timeout=PATIENCE)
        return int(answer[0]["count(*)"])

    def rows(self, after: int, limit: int) -> Rows:
        return np.array(self._lowest(f"{_ROW} > {after}", limit), np.int64)

    def _lowest(self, expression: str, limit: int) -> list[int]:
        """Return the lowest row ids that meet an expression; a plain query returns any of them."""
        found: list[int] = []
        with self._calling() as client:
            pages = client.query_iterator(
                self._name, min(limit, _MOST_K), limit, expression, [_ROW], timeout=PATIENCE
            )
            while page := pages.next():
                found += [each[_ROW] for each in page]
            pages.close()
        return sorted(found)

    def drop(self) -> None:
        with self._calling() as client:
            client.drop_collection(self._name, timeout=PATIENCE)

    def close(self) -> None:
        if opened := vars(self).pop("_client", None):
            opened.close()


def connect(address: EngineAddress, collection: Collection) -> MilvusEngine:
    """Make an engine of a server: `milvus://user:password@host:19530/database?tls=true`."""
    address.require_options({"tls"})
    options = {
        "uri": http_url(address, 19530),
        "token": ":".join(filter(None, (address.user, address.password))),
        "db_name": address.path.strip("/"),
    }
    return MilvusEngine(address, collection, options)


def connect_local(address: EngineAddress, collection: Collection) -> MilvusEngine:
    """Make an engine of Milvus Lite, for one process: `milvus+local:///folder/file.db`."""
    address.require_options(())
    if not address.path.endswith(".db"):
        raise SettingsError(f"{SETTING}: milvus+local:// needs the path of a file *.db.")
    return MilvusEngine(address, collection, {"uri": address.path})
