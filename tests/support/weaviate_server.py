"""Stand-in for Weaviate on loopback: the client library's own gRPC stubs and three REST routes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

import grpc
import numpy as np
from weaviate.proto.v1 import (
    aggregate_pb2,
    base_pb2,
    batch_delete_pb2,
    batch_pb2,
    properties_pb2,
    search_get_pb2,
    weaviate_pb2_grpc,
)

from support.engine_http import JsonHandler, running_json
from support.engine_rows import Collection, EngineRows, Refused, Row

_VERSION: Final = "1.34.0"
_MOST_RESULTS: Final = 10_000  # QUERY_MAXIMUM_RESULTS, of one search or one delete
_CODES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    503: grpc.StatusCode.UNAVAILABLE,
}
Reply = TypeVar("Reply")


@contextmanager
def running_weaviate(rows: EngineRows) -> Iterator[tuple[str, int]]:
    """Serve REST and gRPC on a free port each; give host and port of REST and the port of gRPC."""
    calls = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
    weaviate_pb2_grpc.add_WeaviateServicer_to_server(_Servicer(rows), calls)
    port = calls.add_insecure_port("127.0.0.1:0")
    with running_json(_Handler, rows) as address:
        calls.start()
        try:
            yield address, port
        finally:
            rows.release()
            calls.stop(None).wait()


class _Handler(JsonHandler):
    """Version and schema."""

    @property
    def api_key(self) -> str | None:
        return _key(self.headers.get("Authorization"))

    def route(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        rows, name = self.server.rows, self.path.rpartition("/")[2]
        if name == "meta":
            return 200, {"hostname": "stand-in", "version": _VERSION, "modules": {}}
        if method == "POST":
            if body["class"] in rows.collections:
                raise Refused(422, f"class name {body['class']} already exists")
            made = Collection(0, _described(body))
            rows.write(lambda: rows.collections.setdefault(body["class"], made))
            return 200, made.description
        if method == "DELETE":
            rows.write(lambda: rows.collections.pop(name, None))
            return 200, {}
        return 200, rows.find(name).description


def _described(body: dict[str, Any]) -> dict[str, Any]:
    """Fill in what Weaviate fills in when it makes a collection."""
    properties = [_INDEXED | each for each in body["properties"]]
    vectors = {
        name: each | {"vectorIndexConfig": _HNSW | each["vectorIndexConfig"]}
        for name, each in body["vectorConfig"].items()
    }
    return body | _DEFAULTS | {"properties": properties, "vectorConfig": vectors}


_INDEXED: Final = {"indexFilterable": True, "indexSearchable": True, "indexRangeFilters": False}
_HNSW: Final = {
    "cleanupIntervalSeconds": 300,
    "dynamicEfMin": 100,
    "dynamicEfMax": 500,
    "dynamicEfFactor": 8,
    "ef": -1,
    "efConstruction": 128,
    "flatSearchCutoff": 40_000,
    "maxConnections": 32,
    "skip": False,
    "vectorCacheMaxObjects": 10**12,
}
_DEFAULTS: Final[dict[str, Any]] = {
    "invertedIndexConfig": {
        "bm25": {"b": 0.75, "k1": 1.2},
        "cleanupIntervalSeconds": 60,
        "stopwords": {"preset": "en", "additions": None, "removals": None},
    },
    "replicationConfig": {"factor": 1},
}


def _key(authorization: str | None) -> str | None:
    return authorization.removeprefix("Bearer ") if authorization else None


class _Servicer(weaviate_pb2_grpc.WeaviateServicer):
    """Objects, searched by cosine distance, as exactly as no HNSW does."""

    def __init__(self, rows: EngineRows) -> None:
        self._rows = rows

    def BatchObjects(
        self, request: batch_pb2.BatchObjectsRequest, context: grpc.ServicerContext
    ) -> batch_pb2.BatchObjectsReply:
        return self._answered(context, lambda: self._put(request))

    def BatchDelete(
        self, request: batch_delete_pb2.BatchDeleteRequest, context: grpc.ServicerContext
    ) -> batch_delete_pb2.BatchDeleteReply:
        return self._answered(context, lambda: self._take(request))

    def Search(
        self, request: search_get_pb2.SearchRequest, context: grpc.ServicerContext
    ) -> search_get_pb2.SearchReply:
        return self._answered(context, lambda: self._search(request))

    def Aggregate(
        self, request: aggregate_pb2.AggregateRequest, context: grpc.ServicerContext
    ) -> aggregate_pb2.AggregateReply:
        def count() -> aggregate_pb2.AggregateReply:
            held = len(self._rows.find(request.collection).rows)
            single = aggregate_pb2.AggregateReply.Single(objects_count=held)
            return aggregate_pb2.AggregateReply(single_result=single)

        return self._answered(context, count)

    def _answered(self, context: grpc.ServicerContext, answer: Callable[[], Reply]) -> Reply:
        sent = dict(context.invocation_metadata())
        try:
            self._rows.check(_key(sent.get("authorization")))
            return answer()
        except Refused as error:
            context.abort(_CODES.get(error.status, grpc.StatusCode.UNKNOWN), str(error))

    def _put(self, request: batch_pb2.BatchObjectsRequest) -> batch_pb2.BatchObjectsReply:
        """Keep what is right and report the rest by its place, as Weaviate does."""
        errors = []

        def apply() -> None:
            errors.clear()
            for index, each in enumerate(request.objects):
                packed = each.vectors[0].vector_bytes if each.vectors else each.vector_bytes
                row = Row(np.frombuffer(packed, "<f4"), _properties(each.properties))
                collection = self._rows.find(each.collection)
                if not collection.rows:
                    collection.dimension = len(row.vector)
                try:
                    self._rows.put(each.collection, {str(UUID(each.uuid)): row})
                except Refused as error:
                    failed = batch_pb2.BatchObjectsReply.BatchError(index=index, error=str(error))
                    errors.append(failed)

        self._rows.write(apply)
        return batch_pb2.BatchObjectsReply(errors=errors)

    def _take(
        self, request: batch_delete_pb2.BatchDeleteRequest
    ) -> batch_delete_pb2.BatchDeleteReply:
        held = self._rows.find(request.collection).rows
        ids = [each for each, row in held.items() if _accepts(request.filters, each, row)]
        taken = ids[:_MOST_RESULTS]
        self._rows.write(lambda: self._rows.take(request.collection, taken))
        return batch_delete_pb2.BatchDeleteReply(matches=len(ids), successful=len(taken))

    def _search(self, request: search_get_pb2.SearchRequest) -> search_get_pb2.SearchReply:
        collection = self._rows.find(request.collection)
        if request.limit > _MOST_RESULTS:
            raise Refused(400, "query maximum results exceeded")
        filters = request.filters if request.HasField("filters") else None
        if not request.HasField("near_vector"):
            after = request.after
            ids = [each for each in sorted(collection.rows) if not after or each > after]
            found = [(each, 1.0) for each in ids[: request.limit]]
        else:
            near = request.near_vector
            query = np.frombuffer(near.vector_bytes or near.vectors[0].vector_bytes, "<f4")
            if collection.rows and len(query) != collection.dimension:
                got, expected = len(query), collection.dimension
                raise Refused(400, f"vector lengths don't match: {expected} vs {got}")
            found = collection.nearest(
                query, request.limit, lambda row: filters is None or _accepts(filters, "", row)
            )
        return search_get_pb2.SearchReply(results=[_result(*each) for each in found])


def _result(uuid: str, cosine: float) -> search_get_pb2.SearchResult:
    return search_get_pb2.SearchResult(
        properties=search_get_pb2.PropertiesResult(non_ref_props=properties_pb2.Properties()),
        metadata=search_get_pb2.MetadataResult(
            id=uuid,
            id_as_bytes=UUID(uuid).bytes,
            distance=1.0 - cosine,
            distance_present=True,
        ),
    )


def _properties(sent: batch_pb2.BatchObject.Properties) -> dict[str, Any]:
    lists = {each.prop_name: list(each.values) for each in sent.text_array_properties}
    return dict(sent.non_ref_properties) | lists


def _accepts(filters: base_pb2.Filters, uuid: str, row: Row) -> bool:
    """Whether an object meets a filter, of which we use ContainsAny, Equal and And."""
    if filters.operator == base_pb2.Filters.OPERATOR_AND:
        return all(_accepts(each, uuid, row) for each in filters.filters)
    name = filters.target.property
    held = uuid if name == "_id" else row.properties.get(name, [])
    held = held if isinstance(held, list) else [held]
    if filters.operator == base_pb2.Filters.OPERATOR_EQUAL:
        return filters.value_text in held
    return any(each in filters.value_text_array.values for each in held)
