"""A server process of the messages room, to be killed: `python -m tests.integration.server_es.messages_program URL`."""

import asyncio
import sys
from datetime import timedelta

from mesh.clock import SystemClock
from server_es.messages.settings import MessageSettings
from tests.builders.messages import site


async def main(url: str) -> None:
    async with site(url, SystemClock(), MessageSettings(heartbeat=timedelta(seconds=1))) as made:
        print(made.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
