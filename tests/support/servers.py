"""Servers on loopback that speak S3 and HTTP, and a store that fails on demand."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from fsspec.implementations.memory import MemoryFileSystem


@contextmanager
def running_s3() -> Iterator[str]:
    """Run moto's server; give its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def running_web(pages: dict[str, bytes]) -> Iterator[str]:
    """Serve pages without ranges, as the simplest of servers do; give the URL of the root."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._head()
            self.wfile.write(pages.get(self._page, b""))

        def do_HEAD(self) -> None:
            self._head()

        @property
        def _page(self) -> str:
            return self.path.partition("?")[0]

        def _head(self) -> None:
            known = self._page in pages
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(pages.get(self._page, b""))))
            if known:
                self.send_header("ETag", f'"{hash(pages[self._page])}"')
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FlakyFileSystem(MemoryFileSystem):  # type: ignore[misc] -- fsspec has no types
    """Files in memory whose store fails the first times that it is asked."""

    protocol = "flaky"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    failures: ClassVar[Counter[str]] = Counter()  # by method: how many are still to come
    error: ClassVar[Exception] = ConnectionError("reset by peer")

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("flaky://").strip("/")

    def info(self, path: str, **kwargs: Any) -> Any:
        self._fail("info")
        return super().info(path, **kwargs)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:  # noqa: FBT002
        self._fail("ls")
        return super().ls(path, detail=detail, **kwargs)

    def cat_file(self, path: str, **kwargs: Any) -> Any:
        self._fail("cat_file")
        return super().cat_file(path, **kwargs)

    def _fail(self, method: str) -> None:
        if self.failures[method] > 0:
            self.failures[method] -= 1
            raise self.error
