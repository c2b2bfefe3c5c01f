"""Stand-in for Pinecone on loopback: the routes of its REST interface that our engine calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from support.engine_http import JsonHandler, running_json
from support.engine_rows import Collection, EngineRows, Refused, Row

_MOST_VECTORS: Final = 1000  # of one upsert
_MOST_IDS: Final = 1000  # of one delete by ids
_MOST_MATCHES: Final = 10_000
_PAGE: Final = 100


@contextmanager
def running_pinecone(rows: EngineRows) -> Iterator[str]:
    """Serve the control plane and the data plane on one free port; give host and port."""
    with running_json(_Handler, rows) as address:
        yield address


class _Handler(JsonHandler):
    """A path that begins with `/data/NAME` is of the data plane of that index."""

    largest = 2 * 2**20

    @property
    def api_key(self) -> str | None:
        return self.headers.get("Api-Key")

    def route(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if parts[0] == "data":
            name, route = parts[1], "/".join(parts[2:])
            data = _DataPlane(self.server.rows, name)
            asked = {key: values[0] for key, values in parse_qs(url.query).items()}
            return 200, data.routes()[f"{method} {route}"](body or asked)
        return self._control(method, parts, body)

    def _control(
        self, method: str, parts: list[str], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        rows = self.server.rows
        if method == "POST":
            if body["name"] in rows.collections:
                raise Refused(409, f"index {body['name']} exists")
            field = body["schema"]["fields"]["_values"]
            made = Collection(field["dimension"], body)
            rows.write(lambda: rows.collections.setdefault(body["name"], made))
            return 201, self._described(body["name"])
        name = parts[1]
        rows.find(name)
        if method == "DELETE":
            rows.write(lambda: rows.collections.pop(name, None))
            return 202, {}
        return 200, self._described(name)

    def _described(self, name: str) -> dict[str, Any]:
        collection = self.server.rows.find(name)
        return {
            "name": name,
            "schema": collection.description["schema"],
            "host": f"http://127.0.0.1:{self.server.server_port}/data/{name}",
            "deployment": collection.description.get("deployment") or _DEPLOYMENT,
            "deletion_protection": "disabled",
            "tags": collection.description.get("tags"),
            "status": {"ready": True, "state": "Ready"},
        }


_DEPLOYMENT: Final = {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"}


class _DataPlane:
    """Requests about the vectors of one index."""

    def __init__(self, rows: EngineRows, name: str) -> None:
        self._rows = rows
        self._name = name

    def routes(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "POST vectors/upsert": self.upsert,
            "POST vectors/delete": self.delete,
            "GET vectors/list": self.list,
            "POST query": self.query,
            "POST describe_index_stats": self.stats,
        }

    def upsert(self, body: dict[str, Any]) -> dict[str, Any]:
        if len(body["vectors"]) > _MOST_VECTORS:
            raise Refused(400, f"more than {_MOST_VECTORS} vectors")
        rows = {
            each["id"]: Row(np.array(each["values"], np.float32), each.get("metadata", {}))
            for each in body["vectors"]
        }
        self._rows.write(lambda: self._rows.put(self._name, rows))
        return {"upsertedCount": len(rows)}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        if len(body.get("ids", ())) > _MOST_IDS:
            raise Refused(400, f"more than {_MOST_IDS} ids")
        ids = body.get("ids")
        if ids is None:
            held = self._rows.find(self._name).rows
            ids = [each for each, row in held.items() if _accepts(body.get("filter"), row)]
        self._rows.write(lambda: self._rows.take(self._name, ids))
        return {}

    def list(self, asked: dict[str, Any]) -> dict[str, Any]:
        after = asked.get("paginationToken", "")
        prefix, limit = asked.get("prefix", ""), int(asked.get("limit", _PAGE))
        held = sorted(self._rows.find(self._name).rows)
        ids = [each for each in held if each.startswith(prefix) and each > after]
        page = ids[:limit]
        answer: dict[str, Any] = {"vectors": [{"id": each} for each in page], "namespace": ""}
        if len(ids) > limit:
            answer["pagination"] = {"next": page[-1]}
        return answer

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= body["topK"] <= _MOST_MATCHES:
            raise Refused(400, "topK is out of range")
        collection = self._rows.find(self._name)
        query = np.array(body["vector"], np.float32)
        if len(query) != collection.dimension:
            got, expected = len(query), collection.dimension
            raise Refused(400, f"Vector dimension {got} does not match the dimension {expected}")
        found = collection.nearest(
            query, body["topK"], lambda row: _accepts(body.get("filter"), row)
        )
        return {"matches": [{"id": each, "score": cosine} for each, cosine in found]}

    def stats(self, _body: dict[str, Any]) -> dict[str, Any]:
        collection = self._rows.find(self._name)
        return {
            "namespaces": {},
            "dimension": collection.dimension,
            "indexFullness": 0.0,
            "totalVectorCount": len(collection.rows),
        }


def _accepts(condition: dict[str, Any] | None, row: Row) -> bool:
    """Whether a row meets a metadata filter, of which we use `$and`, `$eq` and `$in`."""
    if not condition:
        return True
    if "$and" in condition:
        return all(_accepts(each, row) for each in condition["$and"])
    ((name, test),) = condition.items()
    held = row.properties.get(name, [])
    held = held if isinstance(held, list) else [held]
    wanted = test["$in"] if "$in" in test else [test["$eq"]]
    return any(each in wanted for each in held)
