import asyncio
import contextvars
import threading
from collections.abc import Iterator

import pytest

from mesh.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(2, name="test")
    yield threads
    threads.close()


async def test_a_call_is_made_in_another_thread_and_answers(threads: Threads) -> None:
    assert await threads.run(threading.get_ident) != threading.get_ident()
    assert await asyncio.gather(*(threads.run(int, n) for n in range(500))) == list(range(500))


async def test_an_exception_comes_back(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await threads.run(next, iter(()))


async def test_the_context_of_the_caller_goes_along(threads: Threads) -> None:
    caller = contextvars.ContextVar("caller", default="nobody")
    caller.set("somebody")
    assert await threads.run(caller.get) == "somebody"


async def test_never_more_calls_at_once_than_threads(threads: Threads) -> None:
    running, most, counting = 0, 0, threading.Lock()

    def call() -> None:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.005)
        with counting:
            running -= 1

    await asyncio.gather(*(threads.run(call) for _ in range(12)))
    assert most == 2


def test_several_loops_share_the_threads(threads: Threads) -> None:
    for n in range(3):
        assert asyncio.run(threads.run(int, n)) == n


async def test_after_the_end_a_call_is_refused(threads: Threads) -> None:
    threads.close()
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(int)
