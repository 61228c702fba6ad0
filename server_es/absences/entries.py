"""What absences are decided by: kinds, approval groups, stress periods, entitlements; each as contract and as row."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, TypeVar

from esoffice.es.v1 import absences_pb2 as pb
from google.protobuf.message import Message
from sqlalchemy import Table

from mesh import etags
from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from server_es.absences import names, tables
from server_es.absences.spans import FIRST_YEAR, LAST_YEAR
from server_es.directory.facts import missing
from server_es.directory.names import EMPLOYEE, TEAM

Entry = TypeVar("Entry", bound=Message)
Row = Mapping[str, Any]

_HALF: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A table in which an entry's references stand once more, so that what they name is not deleted."""

    table: Table
    owner: str
    columns: Mapping[str, tuple[str, ...]]
    """The column, and the entry's columns whose ids go into it."""

    def rows(self, id_: str, row: Row) -> list[dict[str, Any]]:
        return [
            {self.owner: id_, **dict.fromkeys(self.columns), column: one}
            for column, lists in self.columns.items()
            for one in sorted({one for name in lists for one in row[name]})
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Generic[Entry]):
    """One kind of entry.

    Attributes:
        kind: the field of the contract's requests that holds an entry.
        plural: the field of the list's answer.
        name: its resource names.
        table: where the entries are.
        key: the table's key columns, in the order of the name.
        fields: what may be changed, in the order of the contract.
        row_of: the columns of an entry, without its key; raises InvalidArgument.
        message_of: the entry of a row.
        references: fields that hold names of records of the directory.
        derived: see there.
    """

    kind: str
    plural: str
    name: NamePattern
    table: Table
    key: tuple[str, ...] = ("id",)
    fields: tuple[str, ...]
    row_of: Callable[[Any], dict[str, Any]]
    message_of: Callable[[Row], Entry]
    references: tuple[str, ...] = ()
    derived: Derived | None = None

    def key_of(self, name: str, *, field: str = "name") -> dict[str, Any]:
        """Return the key columns in a resource name, or raise InvalidArgument."""
        ids = self.name.parse(name, field=field)
        return {column: int(id_) if column == "year" else id_ for column, id_ in zip(self.key, ids, strict=True)}

    def name_of(self, row: Row) -> str:
        return self.name.build(*(row[column] for column in self.key))

    def answer(self, row: Row) -> Entry:
        """Return the resource of a stored row, with name and etag."""
        made: Any = self.message_of(row)
        made.name, made.etag = self.name_of(row), etags.etag(row["revision"], row["update_time"].timestamp())
        checked: Entry = made
        return checked

    def violations(self, unit: UnitOfWork, entry: Any) -> Iterator[Violation]:
        """Say which names within an entry name nothing."""
        asked: dict[str, list[str]] = {field: list(getattr(entry, field)) for field in self.references}
        if self.kind == "leave_entitlement":
            asked["name"] = [EMPLOYEE.build(self.key_of(entry.name)["employee"])]
        gone = missing(unit, {one for listed in asked.values() for one in listed})
        for field, listed in asked.items():
            for place, one in enumerate(listed):
                if one in gone:
                    where = field if field == "name" else f"{field}[{place}]"
                    yield Violation(f"{self.kind}.{where}", f"{one} does not exist")


def date_of(text: str, field: str) -> date:
    """Return the date in a text.

    Raises:
        InvalidArgument: it is none that can be reckoned with.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidArgument([Violation(field, f"'{text}' is no date such as 2026-03-31")]) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidArgument([Violation(field, f"{day} is not between {FIRST_YEAR} and {LAST_YEAR}")])
    return day


def half_days_of(days: float, field: str) -> int:
    """Return days in halves.

    Raises:
        InvalidArgument: they are no multiple of a half.
    """
    if days % _HALF:
        raise InvalidArgument([Violation(field, f"{days:g} is no multiple of 0.5")])
    return round(days / _HALF)


def days_of(half_days: int) -> float:
    """Return halves as days."""
    return half_days * _HALF


def _ids(pattern: NamePattern, given: Iterable[str]) -> list[str]:
    return [pattern.parse(one)[0] for one in given]


def _names(pattern: NamePattern, ids: Iterable[str]) -> list[str]:
    return [pattern.build(one) for one in ids]


def _group_row(entry: pb.ApprovalGroup) -> dict[str, Any]:
    return {
        "title": entry.title,
        "members": _ids(EMPLOYEE, entry.members),
        "employees": _ids(EMPLOYEE, entry.employees),
        "teams": _ids(TEAM, entry.teams),
        "informed": _ids(EMPLOYEE, entry.informed),
    }


def _group(row: Row) -> pb.ApprovalGroup:
    return pb.ApprovalGroup(
        title=row["title"],
        members=_names(EMPLOYEE, row["members"]),
        employees=_names(EMPLOYEE, row["employees"]),
        teams=_names(TEAM, row["teams"]),
        informed=_names(EMPLOYEE, row["informed"]),
    )


def _kind_row(entry: pb.AbsenceKind) -> dict[str, Any]:
    return {field: getattr(entry, field) for field in KIND.fields}


def _kind(row: Row) -> pb.AbsenceKind:
    return pb.AbsenceKind(**{field: row[field] for field in KIND.fields})


def _stress_row(entry: pb.StressPeriod) -> dict[str, Any]:
    start = date_of(entry.start_date, "stress_period.start_date")
    end = date_of(entry.end_date, "stress_period.end_date")
    if end < start:
        raise InvalidArgument([Violation("stress_period.end_date", f"{end} is before {start}, the first day")])
    return {"title": entry.title, "start_date": start, "end_date": end, "teams": _ids(TEAM, entry.teams)}


def _stress(row: Row) -> pb.StressPeriod:
    return pb.StressPeriod(
        title=row["title"],
        start_date=row["start_date"].isoformat(),
        end_date=row["end_date"].isoformat(),
        teams=_names(TEAM, row["teams"]),
    )


def _entitlement_row(entry: pb.LeaveEntitlement) -> dict[str, Any]:
    year = int(names.ENTITLEMENT.parse(entry.name, field="leave_entitlement.name")[1])
    until = entry.carried_until_date
    expires = date_of(until, "leave_entitlement.carried_until_date") if until else None
    if expires is not None and expires.year != year:
        text = f"{expires} is not in {year}, the year of the entitlement"
        raise InvalidArgument([Violation("leave_entitlement.carried_until_date", text)])
    return {
        "half_days": half_days_of(entry.days, "leave_entitlement.days"),
        "carried_half_days": half_days_of(entry.carried_days, "leave_entitlement.carried_days"),
        "carried_until": expires,
        "note": entry.note,
    }


def _entitlement(row: Row) -> pb.LeaveEntitlement:
    return pb.LeaveEntitlement(
        days=days_of(row["half_days"]),
        carried_days=days_of(row["carried_half_days"]),
        carried_until_date=row["carried_until"].isoformat() if row["carried_until"] else "",
        note=row["note"],
    )


KIND: Final = Family(
    kind="absence_kind",
    plural="absence_kinds",
    name=names.KIND,
    table=tables.absence_kind,
    fields=("title", "takes_leave", "may_overdraw", "activity_type"),
    row_of=_kind_row,
    message_of=_kind,
)
GROUP: Final = Family(
    kind="approval_group",
    plural="approval_groups",
    name=names.GROUP,
    table=tables.approval_group,
    fields=("title", "members", "employees", "teams", "informed"),
    row_of=_group_row,
    message_of=_group,
    references=("members", "employees", "teams", "informed"),
    derived=Derived(
        table=tables.approval_group_reference,
        owner="approval_group",
        columns={"employee": ("members", "employees", "informed"), "team": ("teams",)},
    ),
)
STRESS_PERIOD: Final = Family(
    kind="stress_period",
    plural="stress_periods",
    name=names.STRESS_PERIOD,
    table=tables.stress_period,
    fields=("title", "start_date", "end_date", "teams"),
    row_of=_stress_row,
    message_of=_stress,
    references=("teams",),
    derived=Derived(table=tables.stress_period_reference, owner="stress_period", columns={"team": ("teams",)}),
)
ENTITLEMENT: Final = Family(
    kind="leave_entitlement",
    plural="leave_entitlements",
    name=names.ENTITLEMENT,
    table=tables.leave_entitlement,
    key=("employee", "year"),
    fields=("days", "carried_days", "carried_until_date", "note"),
    row_of=_entitlement_row,
    message_of=_entitlement,
)
