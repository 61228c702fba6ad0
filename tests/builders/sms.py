"""The room of short messages behind its real door, with lanes a test turns by hand."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from esoffice.business.v1 import sending_pb2, sms_pb2
from esoffice.business.v1.sms_pb2_grpc import SmsServiceStub

from mesh import claims
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.wakeups import Doorbell, Wakeups
from mesh.workers import HealthLine, Turn
from server_business.app import definition
from server_business.sms.accepting import Terms
from server_business.sms.providers import Provider
from server_business.sms.routing import Quiet, Way
from server_business.sms.service import ShortMessages
from server_business.sms.smpp import Centre, SmppProvider
from server_business.sms.tables import SMS
from server_business.sms.worker import Lane, LaneTerms

NUMBER = "+491701234567"


class Switchboard:
    """The room; `lane` and `turn` do what its workers do."""

    def __init__(self, served: Any, wakeups: Wakeups, ways: Sequence[Way]) -> None:
        self.served = served
        self.database: Database = served.database
        self.stub = SmsServiceStub(served.channel)
        self.wakeups = wakeups
        self.ways = tuple(ways)
        self.lines: dict[str, HealthLine] = {}
        self.quiet: Quiet | None = None

    def bell_of(self, name: str) -> Doorbell:
        return self.wakeups.bell(f"sms.{name}")

    def lane(self, provider: Provider, name: str = "one", *, owner: str = "me", **terms: Any) -> Lane:
        way = next(one for one in self.ways if one.name == name)
        line = self.lines.setdefault(name, HealthLine(name))
        said = {"window": 50, "quiet": self.quiet, **terms}
        return Lane(
            self.database, provider, LaneTerms(way=way, **said), ways=self.ways, owner=owner, line=line,
            bell_of=self.bell_of,
        )  # fmt: skip

    async def send(self, text: str = "Alarm", to: str = NUMBER, **said: Any) -> str:
        sent = await self.stub.SendSms(sms_pb2.SendSmsRequest(to=to, text=text, **said))
        return str(sent.name)

    async def get(self, name: str) -> sms_pb2.Sms:
        return await self.stub.GetSms(sms_pb2.GetSmsRequest(name=name))

    async def state(self, name: str) -> tuple[str, str]:
        """State and delivery, as words."""
        found = await self.get(name)
        return (
            sending_pb2.SendState.Name(found.state).removeprefix("SEND_STATE_"),
            sms_pb2.SmsDelivery.Name(found.delivery).removeprefix("SMS_DELIVERY_"),
        )

    def give_back(self, *owners: str) -> None:
        with self.database.unit() as unit:
            claims.give_back_of(unit, SMS.table, owners)


def turn(lane: Lane) -> Any:
    return lane.turn(Turn(threading.Event()))


def until(lane: Lane, done: Callable[[], Any], seconds: float = 10.0) -> None:
    """Turn a lane until something holds."""
    end = time.monotonic() + seconds
    while True:
        turn(lane)
        if done():
            return
        assert time.monotonic() < end, "it never came"
        threading.Event().wait(0.01)


class Impatient(SmppProvider):
    """Tries again at once after a failure when it is told to."""

    def again_now(self) -> None:
        self._again = 0.0


def smpp(port: int, name: str = "one", **said: Any) -> Impatient:
    given = {"host": "127.0.0.1", "system_id": "us", "password": "secret", "window": 10, "timeout": 1.0, **said}
    return Impatient(Centre(name=name, port=port, **given), None, SystemClock(), lambda: None)


async def switchboard(serve: Any, stack: ExitStack, *ways: Way, **terms: Any) -> Switchboard:
    """Serve the room on a fresh database."""
    made: dict[str, Any] = {}
    chosen = ways or (Way(name="one"),)

    def short(database: Database) -> ShortMessages:
        made["wakeups"] = stack.enter_context(Wakeups(database))
        said = Terms(country="DE", give_up=timedelta(hours=4), ways=chosen, **terms)
        return ShortMessages(database, lambda name: made["wakeups"].bell(f"sms.{name}"), said)

    served = await serve((sms_pb2.DESCRIPTOR, short), metadata=definition.metadata)
    board = Switchboard(served, made["wakeups"], chosen)
    board.quiet = terms.get("quiet")
    return board
