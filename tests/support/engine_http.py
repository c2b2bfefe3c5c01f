"""HTTP server on loopback for stand-ins of vector engines: JSON in, JSON out."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.engine_rows import EngineRows, Refused


class JsonServer(ThreadingHTTPServer):
    """A server whose end cuts the connections that clients keep, as a killed process does."""

    daemon_threads = True
    rows: EngineRows

    def __init__(self, handler: type["JsonHandler"], rows: EngineRows) -> None:
        self._open: set[socket.socket] = set()
        self.rows = rows
        super().__init__(("127.0.0.1", 0), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for each in list(self._open):
            self.shutdown_request(each)


class JsonHandler(BaseHTTPRequestHandler):
    """Requests of one connection."""

    server: JsonServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the client's system waits for a second one
    largest = 2**30  # bytes of one request

    def route(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of the answer."""
        raise NotImplementedError

    @property
    def api_key(self) -> str | None:
        """The key that the client sent."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, *_args: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.server.rows.check(self.api_key)
            status, body = self._routed(method, sent)
        except Refused as error:
            status, body = error.status, {"error": {"code": "REFUSED", "message": str(error)}}
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:  # the client has given up
            self.close_connection = True

    def _routed(self, method: str, sent: bytes) -> tuple[int, dict[str, Any]]:
        if len(sent) > self.largest:
            raise Refused(413, f"the request is larger than {self.largest} bytes")
        return self.route(method, json.loads(sent or b"{}"))


@contextmanager
def running_json(handler: type[JsonHandler], rows: EngineRows) -> Iterator[str]:
    """Serve on a free port; give host and port."""
    server = JsonServer(handler, rows)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        rows.release()
        server.shutdown()
        thread.join()
        server.server_close()
