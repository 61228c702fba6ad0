"""Two people do something to one request, or one employee, at the same instant; on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from esoffice.es.v1 import absences_pb2 as pb

from mesh.errors import Conflict, DomainError, FailedPrecondition
from server_es.absences.askers import Asker
from server_es.absences.service import Absences
from tests.builders.absences import EVA, JAN, LEA, TOM, Absentees, absence, entitlement, open_absences
from tests.contract.conftest import Serve

ROUNDS = 12


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def here(serve: Serve) -> Absentees:
    made = await open_absences(serve)
    await made.chief().CreateLeaveEntitlement(entitlement(EVA, 2027, days=300))
    return made


def by(employee: str) -> Asker:
    return Asker(name=f"employees/{employee}", employee=employee, caller=employee, reads_all=False, writes_all=False)


def room(here: Absentees) -> Absences:
    """The room beneath the door, so that several callers can come at once."""
    return here.office.rooms.absence_room(here.office.served.database)


async def at_once(here: Absentees, *acts: tuple[Callable[..., Any], Any, str]) -> list[Any]:
    """Do things at the same time; return what each answered, or how it was refused."""
    database = here.office.served.database
    return await asyncio.gather(*(database.run(do, said, by(who)) for do, said, who in acts), return_exceptions=True)


def approval(asked: pb.Absence) -> pb.ApproveAbsenceRequest:
    return pb.ApproveAbsenceRequest(name=asked.name, etag=asked.etag)


def days() -> list[str]:
    """Mondays of 2027, one for each round."""
    mondays = [f"2027-{month:02}-{day:02}" for month in (2, 3, 11) for day in (8, 15, 22)]
    return [*mondays, "2027-06-07", "2027-06-14", "2027-06-21"]


async def test_two_members_of_one_group_decide_once(here: Absentees) -> None:
    deciding = room(here)._deciding
    for day in days()[:ROUNDS]:
        asked = await here.request(EVA, day)
        told = len(here.office.inbox(EVA))
        answers = await at_once(
            here,
            (deciding.approve, approval(asked), LEA),
            (deciding.reject, pb.RejectAbsenceRequest(name=asked.name, etag=asked.etag), JAN),
        )
        refused = [one for one in answers if isinstance(one, DomainError)]
        assert [one.reason for one in refused] == ["ALREADY_DECIDED"]
        assert "by Lea Lang." in refused[0].message or "by Jan Jung." in refused[0].message
        assert len(here.office.inbox(EVA)) == told + 1


async def test_two_groups_at_once_approve_together(here: Absentees) -> None:
    deciding = room(here)._deciding
    for day in days()[:ROUNDS]:
        asked = await here.request(EVA, day)
        answers = await at_once(here, *((deciding.approve, approval(asked), one) for one in (LEA, TOM)))
        assert sorted(one.state for one in answers) == [pb.ABSENCE_STATE_PARTLY_APPROVED, pb.ABSENCE_STATE_APPROVED]
    assert len(await here.termine()) == ROUNDS


async def test_a_request_is_approved_or_withdrawn_never_both(here: Absentees) -> None:
    deciding = room(here)._deciding
    for day in days()[:ROUNDS]:
        asked = await here.request(EVA, day)
        await here.approve(LEA, asked)
        answers = await at_once(
            here,
            (deciding.approve, approval(asked), TOM),
            (deciding.withdraw, pb.WithdrawAbsenceRequest(name=asked.name), EVA),
        )
        assert [one.reason for one in answers if isinstance(one, Conflict)] == ["ALREADY_DECIDED"]
        now = await here.chief().GetAbsence(pb.GetAbsenceRequest(name=asked.name))
        approved = now.state == pb.ABSENCE_STATE_APPROVED
        assert approved or now.state == pb.ABSENCE_STATE_REVOKED
        assert asked.name in {one.origin for one in await here.termine()} if approved else not now.appointment


async def test_a_change_and_an_approval_do_not_meet(here: Absentees) -> None:
    served = room(here)
    for day in days()[:ROUNDS]:
        asked = await here.request(EVA, day)
        changed = pb.Absence()
        changed.CopyFrom(asked)
        changed.ends_at_noon = True
        answers = await at_once(
            here,
            (served._deciding.approve, approval(asked), LEA),
            (served._asking.change, pb.UpdateAbsenceRequest(absence=changed), EVA),
        )
        assert [one.reason for one in answers if isinstance(one, Conflict)] == ["STALE_ETAG"]


async def test_the_same_days_are_asked_for_once(here: Absentees) -> None:
    asking = room(here)._asking
    for day in days()[:ROUNDS]:
        answers = await at_once(here, *((asking.request, absence(EVA, day), EVA) for _ in range(3)))
        refused = [one for one in answers if isinstance(one, FailedPrecondition)]
        assert [one.reason for one in refused] == ["ABSENCE_OVERLAPS"] * 2


async def test_the_last_day_of_leave_is_given_once(here: Absentees) -> None:
    name = "employees/101/leaveEntitlements/2027"
    entitled = await here.chief().GetLeaveEntitlement(pb.GetLeaveEntitlementRequest(name=name))
    served, chosen = room(here), days()
    asked = [await here.request(EVA, day) for day in chosen[:4]]
    for one in asked:
        await here.approve(LEA, one)
    entitled.days = 1
    entitled = await here.chief().UpdateLeaveEntitlement(pb.UpdateLeaveEntitlementRequest(leave_entitlement=entitled))
    answers = await at_once(here, *((served._deciding.approve, approval(one), TOM) for one in asked))
    assert [one.reason for one in answers if isinstance(one, FailedPrecondition)] == ["LEAVE_OVERDRAWN"] * 3
    assert len(await here.termine()) == 1
    entitled.days = 5
    await here.chief().UpdateLeaveEntitlement(pb.UpdateLeaveEntitlementRequest(leave_entitlement=entitled))
    more = await at_once(here, *((served._asking.request, absence(EVA, day), EVA) for day in chosen[4:8]))
    assert len([one for one in more if isinstance(one, pb.Absence)]) == 1
