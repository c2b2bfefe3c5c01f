"""A model hub on loopback, just enough of its protocol for huggingface_hub to download files."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Hub(BaseHTTPRequestHandler):
    """Answers /owner/name/resolve/revision/file as the hub does, or with its error code.

    And /api/models/owner/name/tree/revision, with the files of a repository.
    """

    repositories: dict[str, Path]
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.wfile.write(self._answer())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def _answer(self) -> bytes:
        self.asked.append(self.path)
        if self.path.startswith("/api/models/"):
            return self._list(self.path.removeprefix("/api/models/").partition("/tree/")[0])
        name, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        if name not in self.repositories:
            return self._refuse("RepoNotFound")
        if revision not in {"main", COMMIT}:
            return self._refuse("RevisionNotFound")
        path = self.repositories[name] / file
        if not path.is_file():
            return self._refuse("EntryNotFound")
        content = path.read_bytes()
        self._send(200, len(content), {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'})
        return content

    def _list(self, name: str) -> bytes:
        if name not in self.repositories:
            return self._refuse("RepoNotFound")
        folder = self.repositories[name]
        files = [path for path in folder.rglob("*") if path.is_file()]
        rows = [
            {
                "type": "file",
                "path": str(path.relative_to(folder)),
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest(),
            }
            for path in files
        ]
        content = json.dumps(rows).encode()
        self._send(200, len(content), {"Content-Type": "application/json"})
        return content

    def _refuse(self, code: str) -> bytes:
        self._send(404, 0, {"X-Error-Code": code})
        return b""

    def _send(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        common = {"X-Repo-Commit": COMMIT, "Content-Length": str(length)}
        for name, value in (common | headers).items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serve_hub(repositories: dict[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as repositories; yield the hub's URL and the paths it is asked for."""
    asked: list[str] = []
    handler = type("Hub", (_Hub,), {"repositories": repositories, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
