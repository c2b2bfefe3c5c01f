"""A client of HMA (hasher-matcher-actioner), written from its documented routes alone.

It knows nothing of this project: it runs against HMA, and unchanged against our server.
"""

import json
from typing import Any

import httpx


class HmaError(Exception):
    """The server answered with another status than HMA's documentation promises."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code} {response.text}")
        self.status = response.status_code
        self.message: str = response.json()["message"]


class HmaClient:
    """Hash, match and curate."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=60)

    def close(self) -> None:
        self._http.close()

    # hashing

    def hash_url(self, url: str, types: str | None = None) -> dict[str, str]:
        return self._get("/h/hash", url=url, types=types)

    def hash_file(self, data: bytes, content_type: str = "photo", **query: Any) -> dict[str, str]:
        files = {content_type: ("upload.jpg", data)}
        return self._send("POST", "/h/hash", files=files, params=query)

    # matching

    def lookup_signal(self, signal: str, signal_type: str, **query: Any) -> dict[str, Any]:
        return self._get("/m/lookup", signal=signal, signal_type=signal_type, **query)

    def lookup_url(self, url: str, **query: Any) -> dict[str, Any]:
        return self._get("/m/lookup", url=url, **query)

    def lookup_file(self, data: bytes, **query: Any) -> dict[str, Any]:
        files = {"photo": ("upload.jpg", data)}
        return self._send("POST", "/m/lookup", files=files, params=query)

    def raw_lookup(self, signal: str, signal_type: str, **query: Any) -> list[Any]:
        answer = self._get("/m/raw_lookup", signal=signal, signal_type=signal_type, **query)
        return list(answer["matches"])

    def compare(self, signal_type: str, left: str, right: str) -> tuple[bool, Any]:
        answer = self._send("POST", "/m/compare", json={signal_type: [left, right]})
        matches, details = answer[signal_type]
        return matches, details["distance"]

    def index_status(self, signal_type: str | None = None) -> dict[str, Any]:
        return self._get("/m/index/status", signal_type=signal_type)

    # banks

    def banks(self) -> list[dict[str, Any]]:
        return self._get("/c/banks")

    def create_bank(self, name: str, enabled_ratio: str = "1.0") -> dict[str, Any]:
        body = {"name": name, "enabled_ratio": enabled_ratio}  # consoles send the ratio as text
        return self._send("POST", "/c/banks", json=body, expected=201)

    def bank(self, name: str) -> dict[str, Any]:
        return self._get(f"/c/bank/{name}")

    def update_bank(self, bank: str, **changes: Any) -> dict[str, Any]:
        return self._send("PUT", f"/c/bank/{bank}", json=changes)

    def delete_bank(self, name: str) -> dict[str, Any]:
        return self._send("DELETE", f"/c/bank/{name}")

    # contents

    def add_file(self, bank: str, data: bytes, **fields: Any) -> dict[str, Any]:
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}
        files = {"photo": ("upload.jpg", data)}
        return self._send("POST", f"/c/bank/{bank}/content", files=files, data=texts)

    def add_url(self, bank: str, url: str, types: str | None = None, **body: Any) -> dict[str, Any]:
        path, query = f"/c/bank/{bank}/content", {"url": url}
        if types is not None:
            query["types"] = types
        return self._send("POST", path, params=query, json=body or None)

    def add_signal(self, bank: str, **signals: str) -> dict[str, Any]:
        return self._send("POST", f"/c/bank/{bank}/signal", json=signals)

    def content(self, bank: str, content_id: int, **query: Any) -> dict[str, Any]:
        return self._get(f"/c/bank/{bank}/content/{content_id}", **query)

    def update_content(self, bank: str, content_id: int, **changes: Any) -> dict[str, Any]:
        return self._send("PUT", f"/c/bank/{bank}/content/{content_id}", json=changes)

    def delete_content(self, bank: str, content_id: int) -> int:
        return int(self._send("DELETE", f"/c/bank/{bank}/content/{content_id}")["deleted"])

    # configuration and health

    def signal_types(self) -> dict[str, float]:
        return {each["name"]: each["enabled_ratio"] for each in self._get("/c/signal_type")}

    def set_signal_type(self, name: str, enabled_ratio: str) -> None:
        response = self._http.put(f"/c/signal_type/{name}", json={"enabled_ratio": enabled_ratio})
        if response.status_code != 204:
            raise HmaError(response)

    def get(self, path: str, **query: Any) -> Any:
        return self._get(path, **query)

    def post(self, path: str, body: Any, *, expected: int = 200) -> Any:
        sent = {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
        return self._send("POST", path, expected=expected, **sent)

    def put(self, path: str, body: Any) -> Any:
        return self._send("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path)

    def text(self, path: str) -> tuple[int, str]:
        response = self._http.get(path)
        return response.status_code, response.text

    def _get(self, path: str, **query: Any) -> Any:
        given = {key: value for key, value in query.items() if value is not None}
        return self._send("GET", path, params=given)

    def _send(self, method: str, path: str, *, expected: int = 200, **sent: Any) -> Any:
        response = self._http.request(method, path, **sent)
        if response.status_code != expected:
            raise HmaError(response)
        return response.json()
