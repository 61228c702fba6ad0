"""Reads calls: one, several by name, a page by conditions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from esoffice.es.v1 import servicecalls_pb2 as pb
from sqlalchemy import Select, select

from mesh.database import UnitOfWork
from mesh.names import NamePattern
from mesh.pages import Page, page_of
from server_es.directory import names as directory
from server_es.service_levels.site import Sites
from server_es.servicecalls import answers, store
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.names import number_of
from server_es.servicecalls.tables import servicecall

_CALL: Final = servicecall.c
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FILTERS: Final[dict[str, NamePattern]] = {
    "address": directory.ADDRESS,
    "system": directory.SYSTEM,
    "responsible_employee": directory.EMPLOYEE,
    "responsible_team": directory.TEAM,
}


class Reading:
    """Answers from one snapshot.

    Args:
        sites: the catalogues in memory.
        site_zone: zone in which due times of levels without a calendar are told.
    """

    def __init__(self, sites: Sites, site_zone: str) -> None:
        self._sites = sites
        self._site_zone = site_zone

    def get(self, unit: UnitOfWork, name: str) -> pb.Servicecall:
        number = number_of(name)
        call = store.get(unit, number)
        return answers.servicecall(call, log_of(number, store.log(unit, number)), self._sites.read(unit), unit.now)

    def several(self, unit: UnitOfWork, request: pb.BatchGetServicecallsRequest) -> pb.BatchGetServicecallsResponse:
        rows = {row.number: row for row in store.several(unit, map(number_of, request.names))}
        there = [row for name in request.names if (row := rows.get(number_of(name)))]
        missing = [name for name in request.names if number_of(name) not in rows]
        return pb.BatchGetServicecallsResponse(servicecalls=self._answers(unit, there), not_found=missing)

    def page(self, unit: UnitOfWork, request: pb.ListServicecallsRequest) -> pb.ListServicecallsResponse:
        page = page_of(request)
        rows = store.page(
            unit, _by_due_time(request, page) if request.by_due_time else _newest(request, page), page.size + 1
        )
        token = ""
        if len(rows) > page.size:
            last = rows[page.size - 1]
            key = (last.number,)
            token = page.token_after((*_due_key(last), *key) if request.by_due_time else key)
        return pb.ListServicecallsResponse(servicecalls=self._answers(unit, rows[: page.size]), next_page_token=token)

    def events(self, unit: UnitOfWork, request: pb.ListServicecallEventsRequest) -> pb.ListServicecallEventsResponse:
        page = page_of(request)
        number = number_of(request.servicecall, field="servicecall")
        store.get(unit, number)
        rows = store.events(unit, number, int(page.after[0]) if page.after else 0, page.size + 1)
        token = page.token_after((rows[page.size - 1].sequence,)) if len(rows) > page.size else ""
        return pb.ListServicecallEventsResponse(
            events=[answers.event(row) for row in rows[: page.size]], next_page_token=token
        )

    def explain(self, unit: UnitOfWork, request: pb.ExplainDueTimesRequest) -> pb.ExplainDueTimesResponse:
        number = number_of(request.servicecall, field="servicecall")
        call = store.get(unit, number)
        log = log_of(number, store.log(unit, number))
        site = self._sites.read(unit)
        told = answers.explanations(call, log, site, unit.now, site_zone=self._site_zone)
        return pb.ExplainDueTimesResponse(explanations=told)

    def _answers(self, unit: UnitOfWork, calls: Sequence[Any]) -> list[pb.Servicecall]:
        rows = store.logs(unit, [call.number for call in calls])
        site = self._sites.read(unit)
        return [
            answers.servicecall(call, log_of(call.number, rows.get(call.number, ())), site, unit.now) for call in calls
        ]


def _newest(request: pb.ListServicecallsRequest, page: Page) -> Select[Any]:
    query = _filtered(request).order_by(_CALL.number.desc())
    return query.where(_CALL.number < int(page.after[0])) if page.after else query


def _by_due_time(request: pb.ListServicecallsRequest, page: Page) -> Select[Any]:
    key = (_CALL.cached_due_time, _CALL.number)
    query = _filtered(request).where(_CALL.cached_due_time.is_not(None)).order_by(*key)
    if page.after:
        due = _EPOCH + int(page.after[0]) * _MICROSECOND
        later = (_CALL.cached_due_time == due) & (_CALL.number > int(page.after[1]))
        query = query.where((_CALL.cached_due_time > due) | later, _CALL.cached_due_time >= due)
    return query


def _due_key(row: Any) -> tuple[int]:
    return ((row.cached_due_time - _EPOCH) // _MICROSECOND,)


def _filtered(request: pb.ListServicecallsRequest) -> Select[Any]:
    query = select(servicecall)
    for field, pattern in _FILTERS.items():
        if name := getattr(request, field):
            query = query.where(_CALL[field] == pattern.parse(name, field=field)[0])
    if request.meanings:
        query = query.where(_CALL.meaning.in_(sorted(set(request.meanings))))
    if request.title_contains:
        query = query.where(_CALL.search.contains(request.title_contains.casefold(), autoescape=True))
    if request.published_only:
        query = query.where(_CALL.published)
    return query


def addresses_of(unit: UnitOfWork, numbers: Sequence[int]) -> dict[int, str]:
    """Return the address of those of these calls that there are."""
    query = select(_CALL.number, _CALL.address).where(_CALL.number.in_(sorted(numbers)))
    return {row.number: row.address for row in unit.connection.execute(query)}
