"""The rules that choose a level: assignments, defaults, and the answer to "which one would it be"."""

from collections.abc import Mapping
from typing import Any

from esoffice.es.v1 import service_levels_pb2 as pb

from mesh import etags, masks
from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from mesh.pages import page_of
from server_es import catalogue_rows
from server_es.calendars import mark
from server_es.calendars.due_times import shift_page
from server_es.directory import names as directory_names
from server_es.directory.facts import call_facts
from server_es.directory.rules import Subject
from server_es.service_levels import choice, names, store
from server_es.service_levels.catalogues import SERVICE_LEVEL
from server_es.service_levels.due_times import LevelDueTimes
from server_es.service_levels.site import Sites, level_as_given

_NEVER_SET = "never set"


class Selection:
    """Answers about the rules, in one unit of work.

    Args:
        sites: the catalogues in memory.
        due_times: knows the calls that are measured by them.
    """

    def __init__(self, sites: Sites, due_times: LevelDueTimes) -> None:
        self._sites = sites
        self._due_times = due_times

    def assignments(self, unit: UnitOfWork, request: pb.ListLevelAssignmentsRequest) -> pb.ListLevelAssignmentsResponse:
        page = page_of(request)
        after = (str(page.after[0]), str(page.after[1])) if page.after else None
        rows = store.assignments(unit, after, page.size + 1)
        return pb.ListLevelAssignmentsResponse(
            level_assignments=[_assignment(row) for row in rows[: page.size]],
            next_page_token=page.token(rows, ("problem_category", "significance")),
        )

    def assign(self, unit: UnitOfWork, request: pb.SetLevelAssignmentRequest) -> pb.LevelAssignment:
        given = request.level_assignment
        category = names.PROBLEM_CATEGORY.parse(given.problem_category)[0]
        significance = names.SIGNIFICANCE.parse(given.significance)[0]
        level = _level(given.service_level)
        mark.change(unit)
        store.check_assignment(unit, category, significance, level)
        store.assign(unit, category, significance, level)
        return given

    def defaults(self, unit: UnitOfWork) -> pb.ServicecallDefaults:
        return _defaults(store.defaults(unit))

    def set_defaults(self, unit: UnitOfWork, request: pb.SetDefaultsRequest) -> pb.ServicecallDefaults:
        given = request.defaults
        masks.etag_given(given.etag, field="defaults")
        mark.change(unit)
        old = store.defaults(unit, lock=True)
        etags.check(given.etag, _defaults(old).etag, "the defaults")
        level = _level(given.service_level)
        category = names.PROBLEM_CATEGORY.parse(given.problem_category)[0] if given.problem_category else None
        store.check_defaults(unit, level, category)
        store.set_defaults(unit, level, category, old["revision"] + 1 if old else 1)
        return self.defaults(unit)

    def select(self, unit: UnitOfWork, request: pb.SelectServiceLevelRequest) -> pb.SelectServiceLevelResponse:
        subject = _subject(request)
        category = _id(request.problem_category, names.PROBLEM_CATEGORY, "problem_category")
        facts = choice.NO_FACTS if subject == Subject() else call_facts(unit, subject)
        chosen = choice.choose(self._sites.read(unit), facts, category)
        return pb.SelectServiceLevelResponse(
            service_level=names.SERVICE_LEVEL.build(chosen.number),
            rule=choice.RULES[chosen.rule],
            rule_source=chosen.source,
        )

    def preview(
        self, unit: UnitOfWork, request: pb.PreviewServiceLevelUpdateRequest
    ) -> pb.PreviewServiceLevelUpdateResponse:
        catalogue_rows.get(unit, SERVICE_LEVEL, SERVICE_LEVEL.key_of(request.service_level.name))
        level = level_as_given(unit, request.service_level, self._sites.compiled)
        preview = self._due_times.preview_level(unit, level)
        shifts, token = shift_page(request, preview)
        return pb.PreviewServiceLevelUpdateResponse(
            shifts=shifts, next_page_token=token, examined_count=preview.examined
        )


def _assignment(row: Mapping[str, Any]) -> pb.LevelAssignment:
    return pb.LevelAssignment(
        problem_category=names.PROBLEM_CATEGORY.build(row["problem_category"]),
        significance=names.SIGNIFICANCE.build(row["significance"]),
        service_level=names.SERVICE_LEVEL.build(row["service_level"]),
    )


def _defaults(row: Mapping[str, Any] | None) -> pb.ServicecallDefaults:
    if row is None:
        etag = etags.etag(_NEVER_SET)
        problem = "neither a default service level nor a default problem category is set"
        return pb.ServicecallDefaults(etag=etag, problem=problem)
    level, category = row["service_level"], row["problem_category"]
    lacking = [text for text, value in (("service level", level), ("problem category", category)) if value is None]
    return pb.ServicecallDefaults(
        service_level=names.SERVICE_LEVEL.build(level) if level else "",
        problem_category=names.PROBLEM_CATEGORY.build(category) if category else "",
        valid=not lacking,
        problem=f"no default {' and no default '.join(lacking)} is set" if lacking else "",
        etag=etags.etag(row["revision"], row["update_time"].timestamp()),
    )


def _level(name: str) -> int | None:
    return int(names.SERVICE_LEVEL.parse(name)[0]) if name else None


def _subject(request: pb.SelectServiceLevelRequest) -> Subject:
    part = directory_names.COMPONENT.parse(request.component, field="component") if request.component else ("", "")
    system = _id(request.system, directory_names.SYSTEM, "system")
    if part[0] and system and part[0] != system:
        raise InvalidArgument([Violation("component", f"{request.component} is no component of {request.system}")])
    return Subject(
        address=_id(request.address, directory_names.ADDRESS, "address"),
        system=system or part[0],
        component=part[1],
        contract=_id(request.contract, directory_names.CONTRACT, "contract"),
    )


def _id(name: str, pattern: NamePattern, field: str) -> str:
    return pattern.parse(name, field=field)[0] if name else ""
