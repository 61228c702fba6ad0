"""A server_es with a defect does not get through: each law catches what breaks it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mesh import claims, database
from mesh.idempotency import RequestLog
from server_es.calendars import hours
from server_es.escalations import engine, recipients, rules
from server_es.escalations.following import Following
from server_es.escalations.retiming import Retiming
from server_es.notices import worker
from server_es.notices.rules import Situation
from server_es.notices.telling import Notices
from tests.simulation.deadlines import Broken
from tests.simulation.run import Size, run

BUSY = Size(weeks=1, employees=12, calls=30, acts=150)
_SEEDS = (11, 12, 13)

Patch = pytest.MonkeyPatch


def absent_people_are_escalated_to(patch: Patch) -> None:
    known = recipients._employee
    patch.setattr(recipients, "_employee", lambda row, staff, _: known(row, staff, {}))


def nobody_stands_in(patch: Patch) -> None:
    known = worker.rules.plan
    patch.setattr(
        "server_es.notices.rules.plan",
        lambda notices, situation: known(notices, replace_away(situation)),
    )


def replace_away(situation: Situation) -> Situation:
    return replace(situation, absent={})


def solved_calls_escalate(patch: Patch) -> None:
    known = Following.changed

    def changed(self: Following, unit: Any, changes: Any) -> None:
        known(self, unit, [one for one in changes if one.call.meaning < 6])

    patch.setattr(Following, "changed", changed)


def holidays_are_worked(patch: Patch) -> None:
    patch.setattr(hours, "_holiday", lambda *_: None)
    hours._laid_out.cache_clear()


def maintenance_holds_nobody(patch: Patch) -> None:
    patch.setattr(rules, "held_until", lambda *_: None)


def late_ones_are_not_marked(patch: Patch) -> None:
    known = engine._record
    patch.setattr(engine, "_record", lambda one, now: {**known(one, now), "late": False})


def changed_points_are_not_followed(patch: Patch) -> None:
    patch.setattr(Retiming, "ask", lambda *_, **__: None)


def every_fortieth_commit_is_forgotten(patch: Patch) -> None:
    known, number = database._Transaction._commit, count(1)

    def commit(self: Any) -> None:
        if next(number) % 40 == 0:
            self._held.connection.rollback()
        else:
            known(self)

    patch.setattr(database._Transaction, "_commit", commit)


def repeats_are_done_again(patch: Patch) -> None:
    def once(_self: Any, _unit: Any, _request: Any, respond: Callable[[], Any], **_: Any) -> Any:
        return respond()

    patch.setattr(RequestLog, "once", once)


def every_attempt_is_another_letter(patch: Patch) -> None:
    known = worker._letter
    patch.setattr(worker, "_letter", lambda row: known({**row, "request_id": str(uuid4())}))


def popups_come_twice(patch: Patch) -> None:
    known = Notices._deliver

    def deliver(self: Notices, unit: Any, fresh: Any) -> None:
        known(self, unit, fresh)
        known(self, unit, fresh[:1])

    patch.setattr(Notices, "_deliver", deliver)


def claims_are_kept(patch: Patch) -> None:
    patch.setattr(claims, "release", lambda *_, **__: None)


DEFECTS = [
    absent_people_are_escalated_to,
    nobody_stands_in,
    solved_calls_escalate,
    holidays_are_worked,
    maintenance_holds_nobody,
    late_ones_are_not_marked,
    changed_points_are_not_followed,
    every_fortieth_commit_is_forgotten,
    repeats_are_done_again,
    every_attempt_is_another_letter,
    popups_come_twice,
    claims_are_kept,
]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.__name__)
def test_a_defect_is_found(defect: Callable[[Patch], None], monkeypatch: Patch, tmp_path: Path) -> None:
    defect(monkeypatch)
    try:
        with pytest.raises(Broken) as found:
            for seed in _SEEDS:
                folder = tmp_path / str(seed)
                folder.mkdir()
                run(seed, BUSY, f"sqlite:///{folder / 'es.db'}", folder)
    finally:
        hours._laid_out.cache_clear()
    assert "make simulation SEED=1" in str(found.value)
