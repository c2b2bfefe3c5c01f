"""How much of the waiting room a request takes, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from search_api.admission.waiting_room import Admission
from search_api.errors import install_error_handlers
from search_api.uploads.multipart import Place

PICTURE = 90  # bytes at most


class Waiting:
    """An application whose one route waits in its place until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.room = Admission(threads=1, max_waiting=9, max_bytes=100, timeout=10)
        self.app = FastAPI()
        self.app.state.service = SimpleNamespace(
            pools=SimpleNamespace(pictures=self.room),
            settings=SimpleNamespace(max_image_bytes=PICTURE),
        )
        install_error_handlers(self.app)
        self.app.get("/", dependencies=[Place])(self.answer)
        self.app.post("/", dependencies=[Place])(self.answer)

    async def answer(self) -> str:
        await self.go.wait()
        return "done"


@pytest.mark.parametrize(
    ("query", "second"),
    [("signal=ff", HTTPStatus.OK), ("url=https://a.example", HTTPStatus.SERVICE_UNAVAILABLE)],
)
def test_only_what_is_to_be_fetched_takes_the_room_of_a_picture(
    query: str, second: HTTPStatus
) -> None:
    async def scenario() -> list[int]:
        waiting = Waiting()
        transport = httpx.ASGITransport(waiting.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            asked = [asyncio.create_task(client.get(f"/?{query}")) for _ in range(2)]
            await asyncio.sleep(0.2)
            waiting.go.set()
            return sorted(answer.status_code for answer in await asyncio.gather(*asked))

    assert asyncio.run(scenario()) == [HTTPStatus.OK, second]


def test_who_reads_the_answer_slowly_holds_no_place() -> None:
    async def scenario() -> None:
        waiting = Waiting()
        waiting.go.set()
        sending, read = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_message: object) -> None:
            sending.set()
            await read.wait()

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
        }
        answering = asyncio.create_task(waiting.app(scope, receive, send))
        await sending.wait()
        async with waiting.room.place(101):  # let in only where nobody else is
            read.set()
        await answering

    asyncio.run(scenario())


def test_a_batch_takes_a_place_for_each_picture() -> None:
    async def scenario() -> list[int]:
        waiting = Waiting()
        transport = httpx.ASGITransport(waiting.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:

            def send(count: int) -> asyncio.Task[httpx.Response]:
                files = [("image", ("a.jpg", b"a"))] * count
                return asyncio.create_task(client.post("/", files=files))

            asked = [send(8)]
            await asyncio.sleep(0.2)
            asked.append(send(3))
            await asyncio.sleep(0.2)
            asked.append(send(2))
            await asyncio.sleep(0.2)
            waiting.go.set()
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(scenario()) == [HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK]


def test_an_upload_that_has_not_arrived_takes_no_place() -> None:
    async def scenario() -> None:
        waiting = Waiting()
        waiting.go.set()
        here = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b'--b\r\ncontent-disposition: form-data; name="i"; filename="i"\r\n\r\n'
            await here.wait()
            yield b"a\r\n--b--\r\n"

        transport = httpx.ASGITransport(waiting.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            headers = {"content-type": "multipart/form-data; boundary=b"}
            slow = [
                asyncio.create_task(client.post("/", content=slowly(), headers=headers))
                for _ in range(70)
            ]
            await asyncio.sleep(0.2)
            assert (await client.get("/")).status_code == HTTPStatus.OK
            async with waiting.room.place(101):  # let in only where nobody else is
                here.set()
            await asyncio.gather(*slow)

    asyncio.run(scenario())
