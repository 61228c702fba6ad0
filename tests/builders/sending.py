"""server_business' two queues behind their real doors, with senders a test turns by hand."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from esoffice.business.v1 import outgoing_mail_pb2, sms_pb2
from esoffice.business.v1.outgoing_mail_pb2_grpc import OutgoingMailServiceStub

from mesh.database import Database
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Turn
from server_business.app import definition
from server_business.outgoing_mail.service import OutgoingMails
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.carrier import Carrier
from server_business.sending.worker import Sender
from server_business.sms.accepting import Terms
from server_business.sms.routing import Way
from server_business.sms.service import ShortMessages
from tests.builders.sms import Switchboard

GIVE_UP = timedelta(days=2)


class PostOffice:
    """Both rooms, served; `send` does what the mails' worker does, `board` has the short messages."""

    def __init__(self, served: Any, wakeups: Wakeups) -> None:
        self.served = served
        self.database: Database = served.database
        self.mails = OutgoingMailServiceStub(served.channel)
        self.wakeups = wakeups
        self.board = Switchboard(served, wakeups, [Way(name="one")])
        self.line = HealthLine("outgoing_mail")

    def sender(self, carrier: Carrier, *, owner: str = "me") -> Sender:
        return Sender(self.database, MAILS, carrier, owner, self.line)

    def send(self, carrier: Carrier) -> None:
        sender = self.sender(carrier)
        while sender.turn(Turn(threading.Event())):
            pass
        carrier.close()


async def post_office(serve: Any, stack: Any, **options: Any) -> PostOffice:
    """Serve both rooms on a fresh database."""
    made: dict[str, Any] = {}

    def outgoing(database: Database) -> OutgoingMails:
        made["wakeups"] = stack.enter_context(Wakeups(database))
        bell = made["wakeups"].bell("mails")
        return OutgoingMails(database, bell, message_id_domain="firma.example", give_up=GIVE_UP, **options)

    def short(database: Database) -> ShortMessages:
        terms = Terms(country="DE", give_up=GIVE_UP, ways=(Way(name="one"),))
        return ShortMessages(database, lambda name: made["wakeups"].bell(f"sms.{name}"), terms)

    served = await serve(
        (outgoing_mail_pb2.DESCRIPTOR, outgoing),
        (sms_pb2.DESCRIPTOR, short),
        metadata=definition.metadata,
    )
    return PostOffice(served, made["wakeups"])


def mail(**said: Any) -> outgoing_mail_pb2.SendMailRequest:
    given: Mapping[str, Any] = {"to": ["hans@kunde.example"], "subject": "Ihr Anruf", "text": "Guten Tag\n", **said}
    return outgoing_mail_pb2.SendMailRequest(**given)
