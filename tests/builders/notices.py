"""A house in which people are told things: inboxes, notices, the worker that delivers them."""

import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.wakeups import Doorbell
from mesh.workers import Turn
from server_es.absences.facts import absent
from server_es.directory.upserts import upsert
from server_es.inboxes import INBOXES
from server_es.messages.address import Messages
from server_es.notices import store
from server_es.notices.post import Post
from server_es.notices.rules import Channel, Notice, Policy, Recipient, State
from server_es.notices.tables import notice
from server_es.notices.telling import BELL, Notices
from server_es.notices.worker import Delivery
from tests.builders import directory as build


class House:
    """Employees 1 (Anna) and 2 (Ben, her substitute) with mail and mobile, 3 without either."""

    def __init__(self, database: Database, post: Post) -> None:
        self.database = database
        self.policy = Policy()
        self.messages = Messages(INBOXES, Doorbell("told", lambda _: None), lambda _: None)
        self.bell = Doorbell(BELL, lambda _: None)
        self.notices = Notices(self.messages, absent, self.policy, self.bell)
        self.delivery = Delivery(database, self.messages, post, self.notices, "test")

    def furnish(self) -> None:
        records = (
            build.employee("1", mail_address="anna@example.com", mobile="+4915111111111", substitute="employees/2"),
            build.employee("2", mail_address="ben@example.com", mobile="+4915122222222"),
            build.employee("3"),
        )
        self.upsert(*records)

    def upsert(self, *records: Any) -> None:
        with self.database.unit() as unit:
            answer = upsert(unit, build.upsert(*records), lambda _, asked: set(asked))
        assert [one.status.message for one in answer.results if one.HasField("status")] == []

    def prefers(self, employee: str, *channels: Channel, **columns: Any) -> None:
        row = {
            "employee": employee, "channels": [int(one) for one in channels], "fallback_channels": [5],
            "fallback_seconds": None, "quiet_hours": [], "additional_mail_address": "", **columns,
        }  # fmt: skip
        with self.database.unit() as unit:
            store.save_preferences(unit, store.preferences_row(unit, employee), row)

    def tell(self, cause: str = "c/1", employee: str = "1", **fields: Any) -> None:
        said = {"about": "servicecalls/1", "subject": f"Betreff {cause}", "text": "Text", **fields}
        with self.database.unit() as unit:
            self.notices.tell(unit, [Notice(cause=cause, recipient=Recipient(employee=employee), **said)])

    def turn(self) -> bool:
        return self.delivery.turn(Turn(threading.Event()))

    def later(self, **by: float) -> None:
        """Fast-forward, then let the worker do what is due."""
        clock = self.database.clock
        assert isinstance(clock, ManualClock)
        clock.advance(timedelta(**by))
        while self.turn():
            pass
        self.turn()

    def rows(self) -> list[Any]:
        with self.database.reading() as unit:
            return list(unit.connection.execute(select(notice).order_by(notice.c.id)))

    def states(self) -> list[tuple[str, Channel, State]]:
        """Who was told over what, and how it stands."""
        return [(row.recipient, Channel(row.channel), State(row.state)) for row in self.rows()]

    def inbox(self, employee: str) -> list[str]:
        with self.database.reading() as unit:
            return [one.content.subject for one in INBOXES.page(unit, employee, limit=100)]

    def reads(self, employee: str, sequences: Iterable[int]) -> None:
        with self.database.unit() as unit:
            INBOXES.mark_read(unit, employee, sequences=list(sequences))
