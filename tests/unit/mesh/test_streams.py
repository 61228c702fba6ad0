import asyncio
from contextlib import ExitStack
from datetime import timedelta

from mesh.streams import Streams


async def test_every_stream_gets_heartbeats_within_ten_percent_and_not_all_at_once() -> None:
    streams = Streams(heartbeat=timedelta(seconds=0.5))
    begun = streams.loop.time()
    beats: list[float] = []
    with ExitStack() as stack:
        opened = [stack.enter_context(streams.open()) for _ in range(200)]

        async def listen(stream: object) -> None:
            while not stream.beat:  # type: ignore[attr-defined]
                await stream.wait()  # type: ignore[attr-defined]
            beats.append(streams.loop.time() - begun)

        await asyncio.wait_for(asyncio.gather(*map(listen, opened)), 5)
        assert len(streams) == 200
    assert len(streams) == 0
    assert min(beats) > 0.4
    assert max(beats) - min(beats) > 0.02


async def test_a_heartbeat_comes_again_and_again() -> None:
    streams = Streams(heartbeat=timedelta(seconds=0.05))
    with streams.open() as stream:
        for _ in range(5):
            await asyncio.wait_for(stream.wait(), 2)
            assert stream.beat
            stream.beat = False


async def test_drain_ends_open_streams_and_those_to_come() -> None:
    streams = Streams(heartbeat=timedelta(seconds=30))
    with streams.open() as stream:
        waiting = asyncio.create_task(stream.wait())
        await asyncio.sleep(0)
        streams.drain()
        await asyncio.wait_for(waiting, 1)
        assert stream.ended
        with streams.open() as late:
            assert late.ended


async def test_waking_a_busy_or_gone_stream_does_nothing() -> None:
    streams = Streams(heartbeat=timedelta(seconds=30))
    with streams.open() as stream:
        stream.wake()
        waiting = asyncio.create_task(stream.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        stream.wake()
