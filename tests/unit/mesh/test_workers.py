"""Background workers: one that fails does not stop the next."""

import asyncio
import threading
from datetime import timedelta

import pytest

from mesh.clock import SystemClock
from mesh.errors import Unavailable
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker, Workers

_OFTEN = timedelta(milliseconds=10)
_NEVER = timedelta(hours=1)


async def _until(condition: object, within: float = 5) -> None:
    async with asyncio.timeout(within):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - the condition is anything
            await asyncio.sleep(0.005)


async def test_one_that_fails_does_not_stop_the_next_and_says_why() -> None:
    ran: list[int] = []

    def fails(_: Turn) -> None:
        raise Unavailable("the mailbox does not answer")

    workers = Workers(
        [Worker(name="a", work=fails, every=_OFTEN), Worker(name="b", work=lambda _: ran.append(1), every=_OFTEN)],
        clock=SystemClock(),
    )
    workers.start()
    await _until(lambda: len(ran) > 3)
    assert await workers.stop(timedelta(seconds=2)) == []
    a, b = workers.health()
    assert (a.healthy, b.healthy) == (False, True)
    assert "the mailbox does not answer" in a.sentence


async def test_a_bell_wakes_a_worker_and_true_means_more_at_once() -> None:
    left = [0]
    bell = Doorbell("x", lambda _: None)

    async def work(_: Turn) -> bool:
        left[0] -= left[0] > 0
        return left[0] > 0

    workers = Workers([Worker(name="x", work=work, every=_NEVER, bell=bell)], clock=SystemClock())
    workers.start()
    await asyncio.sleep(0.05)
    left[0] = 5
    bell.ring()
    await _until(lambda: left[0] == 0)
    await workers.stop(timedelta(seconds=2))


async def test_a_coroutine_over_its_limit_is_cancelled() -> None:
    async def sleeps(_: Turn) -> None:
        await asyncio.sleep(60)

    workers = Workers(
        [Worker(name="x", work=sleeps, every=_NEVER, limit=timedelta(milliseconds=30))], clock=SystemClock()
    )
    workers.start()
    await _until(lambda: not workers.health()[0].healthy)
    assert "took longer than 0.03 s" in workers.health()[0].sentence
    await workers.stop(timedelta(seconds=2))


async def test_a_thread_that_hangs_is_reported_and_does_not_hold_the_end_up() -> None:
    release = threading.Event()
    workers = Workers(
        [Worker(name="x", work=lambda _: release.wait(20), every=_NEVER, limit=timedelta(milliseconds=30))],
        clock=SystemClock(),
    )
    workers.start()
    await _until(lambda: "hangs" in workers.health()[0].sentence)
    assert await workers.stop(timedelta(milliseconds=50)) == ["x"]
    release.set()


def test_a_lease_must_outlast_the_limit() -> None:
    with pytest.raises(ValueError, match="must be longer"):
        Worker(name="x", work=print, limit=timedelta(seconds=9), lease=timedelta(seconds=5))


def test_two_workers_of_one_name_are_refused() -> None:
    one = Worker(name="x", work=print)
    with pytest.raises(ValueError, match="two workers"):
        Workers([one, one], clock=SystemClock())


def test_a_lease_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="lease"):
        Workers([Worker(name="x", work=print, lease=timedelta(minutes=5))], clock=SystemClock())
