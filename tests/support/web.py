"""A web server on loopback that answers as a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


def page(
    body: bytes = b"", status: int = 200, *, length: int | None = None, **headers: str
) -> Answer:
    """Answer with a body; say another length than it has, if one is given."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def redirect(target: str, status: int = 302) -> Answer:
    return page(status=status, Location=target)


def in_turn(*answers: Answer) -> Answer:
    """Answer one way after the other."""
    left = list(answers)

    def answer(request: BaseHTTPRequestHandler) -> None:
        left.pop(0)(request)

    return answer


class Web:
    """A running server: what it answers by path, and what it was asked."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port = server.server_port
        self.pages: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []  # path and headers, in lower case
        self.bodies: list[bytes] = []  # of what was posted

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # more connect at once than wait by default
    daemon_threads = True


@contextmanager
def running(address: str = "127.0.0.1") -> Iterator[Web]:
    """Serve on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            web.requests.append((self.path, headers))
            with suppress(BrokenPipeError, ConnectionResetError):  # the other has had enough
                web.pages[self.path](self)

        def do_POST(self) -> None:
            web.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def log_message(self, *_args: Any) -> None:
            pass

    server = _Server((address, 0), Handler)
    web = Web(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
