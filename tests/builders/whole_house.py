"""The whole of server_es for stories that last for weeks: a small company, and hands that fast-forward."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from esoffice.config.v1 import settings_pb2
from esoffice.es.v1 import escalations_pb2, servicecalls_pb2
from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.tokens import Caller
from server_es.inboxes import INBOXES
from server_es.notices.tables import notice
from tests.builders.office import berlin
from tests.simulation import furnish
from tests.simulation.business import Business
from tests.simulation.company import HOUR, MAIL, POPUP, SMS, Company, Event, Level, Person, Point, Roster, Row, Wishes
from tests.simulation.driver import CHIEF, person
from tests.simulation.house import BUSY, House
from tests.simulation.worktime import BERLIN, Hours

EVA, MAX, LEA, JAN = "101", "102", "103", "104"
"""Eva and Max are technicians, on duty in turn, Max stands in for Eva; Lea leads them, Jan is the office."""


def small_company(start: str, **wishes: Wishes) -> Company:
    """Four people from a day on; level 1 promises 8 hours in office hours, level 2 four around the clock."""
    first = berlin(start).astimezone(UTC)
    made = Company(start=first, fallback=LEA, customers=("1001",), office=(JAN,), leads={"technik": (LEA,)})
    for number, stands_in in ((EVA, MAX), (MAX, ""), (LEA, JAN), (JAN, "")):
        team = "technik" if number in (EVA, MAX) else "lead"
        mail, mobile = f"p{number}@example.com", f"+49170000{number}"
        made.people[number] = Person(number, team, substitute=stands_in, mail=mail, mobile=mobile)
    made.teams = {"technik": (EVA, MAX), "lead": (LEA, JAN)}
    made.hours = {"office": Hours(tuple((day, 8 * 60, 17 * 60) for day in range(1, 6)), "NW")}
    made.levels = {
        1: Level(1, "office", 1, 1 * HOUR, None, 8 * HOUR),
        2: Level(2, "", 2, 1 * HOUR, None, 4 * HOUR),
    }
    made.events = {
        "team": Event("team", frozenset({POPUP}), forwarding=True),
        "duty": Event("duty", frozenset({SMS}), rows=(Row(roster="week"),)),
        "mail": Event("mail", frozenset({MAIL}), responsible=True),
    }
    monday = (first - timedelta(days=first.weekday())).date()
    made.rosters = {"week": Roster("week", monday, (EVA, MAX))}
    made.wishes = {number.removeprefix("p"): one for number, one in wishes.items()}
    return made


class WholeHouse:
    """It, opened and furnished.

    Args:
        url: of an empty database.
        folder: for files.
        company: what is in it.
    """

    def __init__(self, url: str, folder: Path, company: Company) -> None:
        self.clock = ManualClock(company.start)
        self.business = Business(self.clock, Random(1))
        self.business.trouble = 0
        self.settings = furnish.settings(company)
        self.house = House(url, self.clock, self.settings, self.business, folder)
        self.house.open()
        furnish.furnish(self.ask, company)
        self.work()

    def ask(self, method: str, request: Any, by: str | Caller = CHIEF) -> Any:
        """Make a call as the chief, or as an employee."""
        return self.house.call(method, request, person(by) if isinstance(by, str) else by)

    def work(self) -> None:
        """Let the workers do what is to be done now."""
        left = [*BUSY]
        while left:
            name = left.pop(0)
            said = self.house.turn(name)
            if said is True or said == timedelta(0):
                left = [*BUSY]

    def go_to(self, text: str) -> None:
        """Fast-forward to what a clock in Berlin shows, from one thing that is due to the next."""
        at = berlin(text).astimezone(UTC)
        self.work()
        while self.clock.now() < at:
            following = min([*self.house.upcoming().values(), at])
            self.clock.advance(max(following - self.clock.now(), timedelta(seconds=1)))
            self.work()

    def down_until(self, text: str) -> None:
        """Be killed now, and start again at that time."""
        self.house.kill()
        self.clock.advance(berlin(text).astimezone(UTC) - self.clock.now())
        self.house.open()
        self.work()

    def choose(self, change: Callable[[settings_pb2.Settings], None]) -> None:
        """Change settings while everything runs."""
        made = settings_pb2.Settings()
        made.CopyFrom(self.settings)
        change(made)
        self.settings = made
        self.house.take(made)

    # -- what people do ------------------------------------------------------------------------------------------------

    def point(self, number: int, percent: int, event: str = "team", *, level: int = 1, **fields: Any) -> Point:
        """Make an escalation point on the solution."""
        made = Point(number, event, fields.pop("kind", "solution"), percent, level=level, **fields)
        request = escalations_pb2.CreateEscalationPointRequest(escalation_point=furnish.point(made))
        self.ask("CreateEscalationPoint", request)
        return made

    def call(self, level: int = 1, **fields: Any) -> str:
        """Report a fault; the team of technicians is responsible unless something else is said."""
        said = {"title": "Pumpe steht", "address": "addresses/1001", "responsible_team": "teams/technik", **fields}
        request = servicecalls_pb2.CreateServicecallRequest(servicecall=servicecalls_pb2.Servicecall(**said))
        name: str = self.ask("CreateServicecall", request).name
        if level != 1:
            self.do("ChangeServiceLevel", name, service_level=f"serviceLevels/{level}")
        return name

    def do(self, verb: str, call: str, by: str | Caller = CHIEF, **fields: Any) -> Any:
        """Do something to a call."""
        return self.ask(verb, getattr(servicecalls_pb2, f"{verb}Request")(servicecall=call, **fields), by)

    # -- what can be seen ----------------------------------------------------------------------------------------------

    def escalated(self, call: str = "") -> list[tuple[str, str, bool]]:
        """Return title, time and whether it was late, of what has escalated."""
        request = escalations_pb2.ListEscalationsRequest(servicecall=call, page_size=1000)
        found = self.ask("ListEscalations", request).escalations
        return [(one.point_title, shown(one.fire_time.ToDatetime(UTC)), one.late) for one in reversed(found)]

    def inbox(self, number: str) -> list[str]:
        """Return the subjects in an inbox, the oldest first."""
        message, content = INBOXES.tables.message, INBOXES.tables.content
        query = select(content.c.subject).join_from(message, content).where(message.c.recipient == number)
        with self.house.database.reading() as unit:
            return list(unit.connection.execute(query.order_by(message.c.sequence)).scalars())

    def letters(self, to: str = "") -> list[tuple[str, str]]:
        """Return when which mail or short message left, by the first line it says."""
        return [
            (shown(one.time), one.subject or one.text.splitlines()[0])
            for one in self.business.letters
            if to in ("", one.to)
        ]

    def notices(self, cause: str) -> list[tuple[str, int]]:
        """Return recipient and channel of everybody who was told because of something."""
        query = select(notice.c.recipient, notice.c.channel).where(notice.c.cause == cause).order_by(notice.c.id)
        with self.house.database.reading() as unit:
            return [(row.recipient, row.channel) for row in unit.connection.execute(query)]

    def close(self) -> None:
        self.house.close()


def shown(at: datetime) -> str:
    """Return an instant as a clock in Berlin shows it: `29.03. 03:00`."""
    return at.astimezone(BERLIN).strftime("%d.%m. %H:%M")
