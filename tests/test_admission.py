import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from contextvars import Context
from time import sleep
from typing import Any

import pytest

from indexer.images.pixel_budget import SMALL, PixelBudget
from search_api.admission.waiting_room import Admission, ClientGone, Overloaded, TimedOut


def admission(**changes: Any) -> Admission:
    return Admission(**{"threads": 1, "max_waiting": 2, "timeout": 10, **changes})


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- what is waited for is no event
        await asyncio.sleep(0.001)


class Busy:
    """Keeps the only thread of an admission busy until it is let go."""

    def __init__(self, admission: Admission) -> None:
        self._go = threading.Event()
        self._admission = admission

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._admission.run(self._go.wait))
        await until(lambda: self._admission.running == 1)

    async def __aexit__(self, *_exception: object) -> None:
        self._go.set()
        await self._task


async def hung_up() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def stays() -> dict[str, Any]:
    await asyncio.sleep(60)
    raise AssertionError


def test_no_more_calls_run_at_once_than_there_are_threads() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        sleep(0.005)
        with lock:
            running -= 1
        return number

    async def scenario() -> list[int]:
        three = admission(threads=3, max_waiting=30)
        return await asyncio.gather(*(three.run(lambda n=n: work(n)) for n in range(30)))

    assert asyncio.run(scenario()) == [*range(30)]  # each has its own answer
    assert most == 3


def test_turns_come_in_the_order_of_asking() -> None:
    order: list[int] = []

    async def scenario() -> None:
        one = admission(max_waiting=20)
        async with Busy(one):
            tasks = [
                asyncio.create_task(one.run(lambda n=n: order.append(n)))  # type: ignore[misc]
                for n in range(20)
            ]
            await until(lambda: one.waiting == 20)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())

    assert order == [*range(20)]


def test_who_finds_no_place_is_turned_away_and_a_place_is_free_again_afterwards() -> None:
    async def scenario() -> None:
        one = admission(max_waiting=2)
        async with AsyncExitStack() as present:
            for _ in range(3):
                await present.enter_async_context(one.place())
            with pytest.raises(Overloaded):
                async with one.place():
                    pass
            with pytest.raises(Overloaded):
                await asyncio.create_task(one.run(print), context=Context())
        async with one.place():
            assert await one.run(lambda: 7) == 7  # within its own place

    asyncio.run(scenario())


def test_who_would_wait_too_long_is_turned_away_at_once() -> None:
    async def scenario() -> None:
        one = admission(max_waiting=100, timeout=1)
        for _ in range(30):
            await one.run(lambda: sleep(0.02))
        admitted = 0
        async with AsyncExitStack() as present:
            with suppress(Overloaded):
                while admitted < 100:
                    await present.enter_async_context(one.place())
                    admitted += 1
        assert 5 <= admitted <= 40  # half a second's worth, as fast as this machine is now

    asyncio.run(scenario())


def test_places_are_bounded_in_bytes_but_one_of_any_size_is_let_in() -> None:
    async def scenario() -> None:
        one = admission(max_bytes=100)
        async with one.place(1000):
            with pytest.raises(Overloaded):
                async with one.place(1):
                    pass
        async with one.place(50), one.place(50):
            with pytest.raises(Overloaded):
                async with one.place(1):
                    pass

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("receive", "error"), [(stays, TimedOut), (hung_up, ClientGone)], ids=["late", "gone"]
)
def test_who_is_late_or_gone_is_not_run(
    receive: Callable[[], Awaitable[dict[str, Any]]], error: type[Exception]
) -> None:
    ran: list[int] = []

    async def scenario() -> None:
        one = admission(timeout=0.1)
        async with Busy(one):
            with pytest.raises(error):
                async with one.place(receive=receive):
                    await one.run(lambda: ran.append(1))
            assert one.waiting == 0
        await one.run(lambda: ran.append(2))  # the thread is not lost

    asyncio.run(scenario())

    assert ran == [2]


def test_whoever_is_cancelled_while_waiting_loses_no_thread() -> None:
    async def scenario() -> int:
        one = admission(max_waiting=10)
        async with Busy(one):
            tasks = [asyncio.create_task(one.run(lambda: 1)) for _ in range(5)]
            await until(lambda: one.waiting == 5)
            tasks[2].cancel()
        tasks[4].cancel()  # it may have its turn already
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (one.running, one.waiting) == (0, 0)
        return await one.run(lambda: 7)

    assert asyncio.run(scenario()) == 7


def test_a_call_that_fails_gives_its_thread_back() -> None:
    async def scenario() -> int:
        one = admission()
        with pytest.raises(ZeroDivisionError):
            await one.run(lambda: 1 // 0)
        return await one.run(lambda: 7)

    assert asyncio.run(scenario()) == 7


# --- pixels --------------------------------------------------------------------------------------


def test_large_pictures_wait_for_each_other_and_small_ones_for_none() -> None:
    budget = PixelBudget(3 * SMALL)
    lock = threading.Lock()
    at_once, most = 0, 0

    def decode(pixels: int) -> None:
        nonlocal at_once, most
        with budget.taking(pixels):
            with lock:
                at_once += pixels
                most = max(most, at_once)
            sleep(0.01)
            with lock:
                at_once -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [SMALL + 1, 2 * SMALL, 99 * SMALL, SMALL + 1, 2 * SMALL] * 4))

    assert most == 99 * SMALL  # alone, though it is larger than all

    with budget.taking(99 * SMALL), ThreadPoolExecutor(1) as pool:
        pool.submit(decode, SMALL).result(timeout=60)
