"""Asks a server about pictures from a process of its own, and holds each answer to its request.

Written to cost little: raw sockets, requests made up beforehand, one event loop. Prints JSON.

- closed: so many connections, each asks again when it is answered
- open: so many requests a second, whatever becomes of the others, each on a connection of its own

An answer is wrong when it does not name the file that was sent or its SHA-256 (where it gives one),
or when it is another than `expected` says.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_BOUNDARY = "picture"


@dataclass(frozen=True, slots=True)
class Question:
    """One request, and what is known of its answer."""

    name: str
    sha256: str
    request: bytes
    expected: Any  # tier and entries, or None


@dataclass(slots=True)
class Tally:
    """What came of the requests."""

    answered: list[float] = field(default_factory=list)  # seconds each
    refused: list[float] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    verdicts: dict[str, Any] = field(default_factory=dict)

    def count(self, question: Question, status: int, body: bytes, seconds: float) -> None:
        """Take one answer in."""
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            self.refused.append(seconds)
            code = json.loads(body)["title"]
            self.codes[code] = self.codes.get(code, 0) + 1
            return
        answer = json.loads(body) if status == HTTPStatus.OK else {}
        said = [answer.get("tier"), answer.get("hits")]
        right = (
            answer.get("query") == question.name
            and answer.get("sha256", question.sha256) == question.sha256
            and question.expected in (None, said)
        )
        if right:
            self.answered.append(seconds)
            self.verdicts[question.name] = said
        else:
            self.wrong.append(f"{question.name}: {status} {body[:200]!r}")


class Connection:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: Question, tally: Tally) -> None:
        """Send one request and count its answer."""
        begun = time.perf_counter()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address, limit=2**20)
            reader, writer = self._streams
            writer.write(question.request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            tally.failed.append(repr(error))
            self.close()
            return
        tally.count(question, int(head[9:12]), body, time.perf_counter() - begun)

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def questions(
    url: str, folders: Sequence[Path], first: int, most: int, expected: Any
) -> list[Question]:
    """Make up the requests, taking pictures from the folders in turn."""
    made, last = [], first + most
    files = [sorted(p for p in folder.iterdir() if p.is_file())[:last] for folder in folders]
    for path in [path for row in zip(*files, strict=False) for path in row][first:last]:
        data = path.read_bytes()
        body = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{path.name}"'
            "\r\n\r\n"
        ).encode()
        body += data + f"\r\n--{_BOUNDARY}--\r\n".encode()
        head = (
            f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        digest = hashlib.sha256(data).hexdigest()
        made.append(Question(path.name, digest, head + body, expected.get(path.name)))
    return made


async def closed(url: str, asked: list[Question], connections: int, seconds: float) -> Tally:
    """Keep so many requests under way."""
    tally, over = Tally(), time.perf_counter() + seconds
    number = 0

    async def client() -> None:
        nonlocal number
        connection = Connection(url)
        while time.perf_counter() < over:
            number += 1
            await connection.ask(asked[number % len(asked)], tally)
        connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return tally


async def once(url: str, asked: list[Question], warm_up: int) -> Tally:
    """Ask each once, one after the other, after some of them that do not count."""
    tally, connection = Tally(), Connection(url)
    for question in asked[:warm_up]:
        await connection.ask(question, Tally())
    for question in asked:
        await connection.ask(question, tally)
    connection.close()
    return tally


async def open_loop(url: str, asked: list[Question], rate: float, seconds: float) -> Tally:
    """Send so many requests a second."""
    tally, begun = Tally(), time.perf_counter()

    async def one(question: Question) -> None:
        connection = Connection(url)
        await connection.ask(question, tally)
        connection.close()

    tasks = set()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        task = asyncio.create_task(one(asked[number % len(asked)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return tally


def main() -> None:
    """Ask, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=["once", "closed", "open"])
    parser.add_argument("url")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--first", type=int, default=0, help="pictures that are left out")
    parser.add_argument("--most", type=int, default=400, help="pictures")
    parser.add_argument("--warm-up", type=int, default=0, help="pictures that do not count")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--expected", type=Path, help="verdicts of an earlier run")
    a = parser.parse_args()
    expected = json.loads(a.expected.read_text()) if a.expected else {}
    asked = questions(a.url, a.folders, a.first, a.most, expected)
    ways = {
        "once": lambda: once(a.url, asked, a.warm_up),
        "closed": lambda: closed(a.url, asked, a.connections, a.seconds),
        "open": lambda: open_loop(a.url, asked, a.rate, a.seconds),
    }
    begun = time.perf_counter()
    tally = asyncio.run(ways[a.way]())
    took = time.perf_counter() - begun
    json.dump({name: getattr(tally, name) for name in Tally.__slots__} | {"took": took}, sys.stdout)


if __name__ == "__main__":
    main()
