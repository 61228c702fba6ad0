"""SIGKILL between the commit and the push: the popup comes after the restart, once."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from esoffice.es.v1 import messages_pb2 as pb

from tests.builders.messages import Client

ROOT = Path(__file__).parents[3]


@contextmanager
def server(url: str, failpoint: str = "") -> Iterator[tuple[subprocess.Popen[str], int]]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "ESMESH_FAILPOINT": failpoint}
    command = [sys.executable, "-m", "tests.integration.server_es.messages_program", url]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


async def test_a_kill_between_the_row_and_the_popup_loses_no_popup(database_url: str) -> None:
    requests = [
        pb.SendMessageRequest(employees=["employees/17"], subject=f"m{number}", request_id=str(uuid.uuid4()))
        for number in (1, 2, 3)
    ]
    with server(database_url, "messages.push:3") as (process, port):
        async with Client(port, "17") as anna, Client(port, "18") as sender:
            stream = anna.subscribe()
            cursor = (await stream.opened()).through
            for request in requests[:2]:
                await sender.call("SendMessage", request)
                event = await stream.next()
                cursor = event.through
            with pytest.raises(grpc.aio.AioRpcError):
                await sender.call("SendMessage", requests[2])
            with pytest.raises(grpc.aio.AioRpcError):
                await stream.next()
        assert await asyncio.to_thread(process.wait, 10) == -signal.SIGKILL
    with server(database_url) as (_, port):
        async with Client(port, "17") as anna, Client(port, "18") as sender:
            stream = anna.subscribe(cursor)
            await stream.opened()
            event = await stream.next()
            assert [one.subject for one in event.messages.messages] == ["m3"]
            await sender.call("SendMessage", requests[2])  # the sender could not know
            listed = await anna.call("ListMessages", pb.ListMessagesRequest(oldest_first=True))
            assert [one.subject for one in listed.messages] == ["m1", "m2", "m3"]
