"""The worker process of a service: `python -m mesh.run server_es.app:definition …`, started by the supervisor."""

import asyncio
import importlib
import signal
import sys
from collections.abc import Sequence

import uvloop

from mesh import bootstrap, log
from mesh.app import Definition
from mesh.errors import DomainError
from mesh.parent import Parent
from mesh.service import FAILED, Service, said_of


def main(arguments: Sequence[str]) -> int:
    """Run one worker to its end and return its exit code."""
    where, *rest = arguments
    module, _, name = where.partition(":")
    definition: Definition = getattr(importlib.import_module(module), name)
    said = bootstrap.parse(definition.name, rest)
    log.configure(service=definition.name, human=said.readable_log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(definition, said))


async def _run(definition: Definition, said: bootstrap.Bootstrap) -> int:
    parent = Parent.of_environment()
    service = Service(definition, said, parent)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    try:
        return await service.run()
    except Exception as error:  # noqa: BLE001 - the one place where a start that failed is told
        reason = said_of(error)
        log.get("service").error(
            "service ended", reason=reason, exc_info=None if isinstance(error, DomainError) else error
        )
        parent.failed(reason)
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
