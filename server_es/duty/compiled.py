"""Rosters ready to be asked: one that has not changed is compiled once per process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from esoffice.es.v1 import duty_pb2 as pb

from mesh.database import UnitOfWork
from server_es.duty import mapping, store
from server_es.duty.fitness import Qualification
from server_es.duty.names import ROSTER
from server_es.duty.rosters import Change, Origin, Override, Plan, Roster, in_force
from server_es.duty.steps import Steps
from server_es.duty.tables import duty_override, duty_plan, duty_roster_version
from server_es.duty.wall import seconds, wall_clock

_AT_MOST: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A roster with all that was ever said of it.

    Attributes:
        name: `rosters/{id}`.
        roster: answers who is on duty.
        said: the contract's roster in force at an instant; None before the first and after the deletion.
        qualifications: who was fit for what, likewise.
    """

    name: str
    roster: Roster
    said: Steps[pb.Roster | None]
    qualifications: Steps[Mapping[str, Qualification] | None]


class Rosters:
    """Compiled rosters by id and mark. Safe in many threads: a lost entry is made again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Compiled]] = {}

    def get(self, unit: UnitOfWork, name: str) -> Compiled:
        """Return a roster, a deleted one too.

        Raises:
            NotFound: there is none of this name.
        """
        return self.several(unit, [store.get(unit, name, deleted=True)])[0]

    def several(self, unit: UnitOfWork, rows: Sequence[Any]) -> list[Compiled]:
        """Return the rosters of rows with `id` and `mark`."""
        made = {row.id: kept[1] for row in rows if (kept := self._kept.get(row.id)) and kept[0] == row.mark}
        missing = [row for row in rows if row.id not in made]
        if missing:
            if len(self._kept) + len(missing) > _AT_MOST:
                self._kept.clear()
            made_of = parts(unit, [row.id for row in missing])
            new = {id_: compiled(ROSTER.build(id_), one) for id_, one in made_of.items()}
            self._kept.update({row.id: (row.mark, new[row.id]) for row in missing})
            made.update(new)
        return [made[row.id] for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a roster is compiled of, in the order in which it was saved.

    Attributes:
        versions: have an `effective_time`.
        overrides: until when they really hold.
        plans: likewise.
        end: when the roster was deleted; None while it is in use.
    """

    versions: Sequence[pb.Roster] = ()
    overrides: Sequence[Override] = ()
    plans: Sequence[Plan] = ()
    end: int | None = None


def parts(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, Parts]:
    """Return what these rosters are made of."""
    versions = store.rows_of(unit, duty_roster_version, ids)
    overrides = store.rows_of(unit, duty_override, ids)
    plans = store.rows_of(unit, duty_plan, ids)
    ended = store.deletions(unit, ids)
    return {
        id_: Parts(
            versions=[store.message_of(one, etag=False) for one in versions[id_]],
            overrides=[_override(one) for one in overrides[id_]],
            plans=[_plan(one) for one in plans[id_]],
            end=seconds(ended[id_]) if id_ in ended else None,
        )
        for id_ in ids
    }


def compiled(name: str, made_of: Parts) -> Compiled:
    """Return a roster ready to be asked."""
    said = [(one.effective_time.seconds, one) for one in made_of.versions]
    fit = [(at, mapping.qualifications_of(one)) for at, one in said]
    versions = [mapping.version_of(one, at) for at, one in said]
    end = made_of.end
    return Compiled(
        name=name,
        roster=Roster(versions, made_of.overrides, made_of.plans, end=end, clock=wall_clock),
        said=in_force(said, end),
        qualifications=in_force(fit, end),
    )


def _override(row: Any) -> Override:
    return Override(
        start=seconds(row.start_time),
        end=seconds(store.ends(row)),
        change=Change(row.change),
        employee=row.employee or "",
        replaced=row.replaced or "",
        origin=Origin(row.origin),
    )


def _plan(row: Any) -> Plan:
    return Plan(
        start=seconds(row.start_time),
        end=seconds(store.ends(row)),
        title=row.title,
        shifts=mapping.planned_shifts(pb.DutyPlan.FromString(row.shifts)),
    )
