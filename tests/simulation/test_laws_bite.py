"""A server_es with a defect does not get through: each law catches what breaks it."""

import os
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

BUSY = Size(weeks=1, employees=12, calls=24, acts=150)
SHORT = Size(weeks=0.3, employees=10, calls=16, acts=110)
SEEDS = (7, 15, 16, 11, 12)

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
    def remember_all(_self: RequestLog, _unit: Any, asked: Any, respond: Callable[[Any], Any]) -> Any:
        return respond(asked)

    patch.setattr(RequestLog, "remember_all", remember_all)


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


QUICK = [
    (absent_people_are_escalated_to, 11, SHORT),
    (maintenance_holds_nobody, 22, SHORT),
    (every_fortieth_commit_is_forgotten, 11, SHORT),
    *(
        pytest.param(*one, marks=pytest.mark.long)
        for one in (
            (solved_calls_escalate, 13, BUSY),
            (changed_points_are_not_followed, 13, BUSY),
            (late_ones_are_not_marked, 13, BUSY),
            (repeats_are_done_again, 14, BUSY),
        )
    ),
]
"""With a seed that finds each within seconds."""
SLOW = [
    holidays_are_worked,
    nobody_stands_in,
    every_attempt_is_another_letter,
    popups_come_twice,
    claims_are_kept,
]
"""Found at the end of a run, or by a few seeds only."""


@pytest.mark.parametrize(("defect", "seed", "size"), QUICK, ids=lambda one: getattr(one, "__name__", ""))
def test_a_defect_is_found(
    defect: Callable[[Patch], None], seed: int, size: Size, monkeypatch: Patch, tmp_path: Path
) -> None:
    defect(monkeypatch)
    with pytest.raises(Broken, match=f"make simulation SEED={seed}"):
        run(seed, size, f"sqlite:///{tmp_path / 'es.db'}", tmp_path)


@pytest.mark.skipif(not os.environ.get("ESMESH_DEFECTS"), reason="takes minutes: make simulation-defects")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("defect", SLOW, ids=lambda one: one.__name__)
def test_a_rarer_defect_is_found(defect: Callable[[Patch], None], monkeypatch: Patch, tmp_path: Path) -> None:
    defect(monkeypatch)
    try:
        with pytest.raises(Broken):
            for seed in SEEDS:
                folder = tmp_path / str(seed)
                folder.mkdir()
                run(seed, BUSY, f"sqlite:///{folder / 'es.db'}", folder)
    finally:
        hours._laid_out.cache_clear()
