"""Kinds of absence, approval groups, stress periods: what administrators keep, and what makes it right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import Table, delete, insert

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from server_es import entries
from server_es.absences import names, store, tables
from server_es.absences.quantities import date_of
from server_es.catalogues import Catalogue, Field, Key
from server_es.directory.facts import missing
from server_es.directory.names import EMPLOYEE, TEAM
from server_es.references import StillInUse


def _ids(pattern: NamePattern) -> Field:
    """A field of names, kept as their ids."""
    return Field(
        to_row=lambda given: [pattern.parse(one)[0] for one in given],
        to_message=lambda ids: [pattern.build(one) for one in ids],
    )


def _date(field: str) -> Field:
    return Field(to_row=lambda text: date_of(text, f"stress_period.{field}"), to_message=date.isoformat)


_TITLE: Final = {"title": Field()}

KIND: Final = Catalogue(
    kind="absence_kind",
    plural="absence_kinds",
    message=pb.AbsenceKind,
    name=names.KIND,
    table=tables.absence_kind,
    key="id",
    fields={**_TITLE, "takes_leave": Field(), "may_overdraw": Field(), "activity_type": Field()},
)
GROUP: Final = Catalogue(
    kind="approval_group",
    plural="approval_groups",
    message=pb.ApprovalGroup,
    name=names.GROUP,
    table=tables.approval_group,
    key="id",
    fields={
        **_TITLE,
        "members": _ids(EMPLOYEE),
        "employees": _ids(EMPLOYEE),
        "teams": _ids(TEAM),
        "informed": _ids(EMPLOYEE),
    },
)
STRESS_PERIOD: Final = Catalogue(
    kind="stress_period",
    plural="stress_periods",
    message=pb.StressPeriod,
    name=names.STRESS_PERIOD,
    table=tables.stress_period,
    key="id",
    fields={**_TITLE, "start_date": _date("start_date"), "end_date": _date("end_date"), "teams": _ids(TEAM)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derived:
    """A table in which an entry's references stand once more, so that what they name is not deleted.

    Attributes:
        table: it has a column named like the entry's kind.
        columns: by its other columns, the fields whose ids go into them.
    """

    table: Table
    columns: Mapping[str, tuple[str, ...]]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(field for fields in self.columns.values() for field in fields)


_DERIVED: Final = {
    GROUP.kind: _Derived(
        table=tables.approval_group_reference,
        columns={"employee": ("members", "employees", "informed"), "team": ("teams",)},
    ),
    STRESS_PERIOD.kind: _Derived(table=tables.stress_period_reference, columns={"team": ("teams",)}),
}


class Entries(entries.Entries):
    """The entries of the three; names in them name something, and keep it from being deleted."""

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        del key
        wrong = list(_references(unit, catalogue, message))
        if catalogue is STRESS_PERIOD and row["end_date"] < row["start_date"]:
            text = f"{row['end_date']} is before {row['start_date']}, the first day"
            wrong.append(Violation("stress_period.end_date", text))
        if wrong:
            raise InvalidArgument(wrong)

    def check_deletion(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, name: str) -> None:
        waiting = store.waits_for(unit, str(key)) if catalogue is GROUP else None
        if waiting is not None:
            by = names.ABSENCE.build(waiting)
            raise StillInUse(f"{name} cannot be deleted: it has still to decide on {by}.", by=by)

    def follow(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, old: Mapping[str, Any] | None) -> None:
        del old
        derived = _DERIVED.get(catalogue.kind)
        if derived is None:
            return
        unit.connection.execute(delete(derived.table).where(derived.table.c[catalogue.kind] == key))
        row = (
            unit.connection.execute(catalogue.table.select().where(catalogue.table.c[catalogue.key] == key))
            .mappings()
            .one_or_none()
        )
        rows = [
            {catalogue.kind: key, **dict.fromkeys(derived.columns), column: one}
            for column, fields in derived.columns.items()
            for one in sorted({one for field in fields for one in row[field]} if row else ())
        ]
        if rows:
            unit.connection.execute(insert(derived.table), rows)


def _references(unit: UnitOfWork, catalogue: Catalogue[Any], message: Any) -> Iterator[Violation]:
    derived = _DERIVED.get(catalogue.kind)
    fields = derived.fields if derived else frozenset()
    given = {field: list(getattr(message, field)) for field in catalogue.fields if field in fields}
    gone = missing(unit, {name for listed in given.values() for name in listed})
    for field, listed in given.items():
        for place, name in enumerate(listed):
            if name in gone:
                yield Violation(f"{catalogue.kind}.{field}[{place}]", f"{name} does not exist")
