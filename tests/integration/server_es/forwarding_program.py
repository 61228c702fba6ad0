"""Forwards one call, to be killed: `python -m tests.integration.server_es.forwarding_program URL CALL REQUEST_ID`.

With an empty CALL it furnishes the office first and makes one; then it prints the call, before it forwards it.
"""

import asyncio
import json
import sys
from datetime import timedelta
from typing import Any

from esoffice.es.v1 import forwarding_pb2 as pb
from esoffice.es.v1.forwarding_pb2_grpc import ForwardingServiceStub

from mesh.channel import connect
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.pipeline import Pipeline
from mesh.server import Server
from server_es.schema import METADATA
from server_es.servicecalls.settings import ServicecallSettings
from tests.builders.office import STARTED, Office, Rooms, open_office, state
from tests.contract.conftest import CHIEF, Served


async def main(url: str, call: str, request_id: str) -> None:
    with Database(url, metadata=METADATA, clock=SystemClock()) as database:
        METADATA.create_all(database.engine)
        served = Served("", None, database, CHIEF)  # type: ignore[arg-type]
        server = Server(Pipeline(identify=lambda _: CHIEF, audit=served))
        rooms = Rooms(ServicecallSettings(notify_responsible=False))
        for contract, make in rooms.all():
            server.add(contract, make(database))
        address = f"127.0.0.1:{await server.start('127.0.0.1:0', None)}"
        async with connect(address, None) as channel:
            served.channel = channel

            async def serve(*_: Any) -> Served:
                return served

            if not call:
                office = await open_office(serve, rooms=rooms)
                call = (await office.call()).name
                await office.do("ChangeState", call, state=state(STARTED))
                print(call, flush=True)
            request = pb.ForwardServicecallRequest(servicecall=call, team="teams/technik", request_id=request_id)
            stub: Any = ForwardingServiceStub(channel)
            await stub.ForwardServicecall(request)
            listed = await stub.ListForwardings(pb.ListForwardingsRequest(servicecall=call))
            told = {one: Office.inbox(Office(served, rooms, *[None] * 4), one) for one in ("100", "101", "102")}
            print(json.dumps({"forwardings": len(listed.forwardings), "told": told}), flush=True)
        await server.drain(timedelta(0))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
