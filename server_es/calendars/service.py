"""The servicer of the calendars."""

from typing import Any, Final

from esoffice.es.v1 import calendars_pb2 as pb
from esoffice.es.v1 import calendars_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh import etags, masks
from mesh.database import Database, UnitOfWork
from mesh.errors import AlreadyExists, InvalidArgument, NotFound, Violation
from mesh.pages import page_of
from server_es import references
from server_es.calendars import mapping, mark, rules, store, wording
from server_es.calendars.compiled import Compiled
from server_es.calendars.due_times import CalendarDueTimes, shift_page
from server_es.calendars.holidays import holidays_of
from server_es.calendars.hours import Calendar
from server_es.calendars.names import CALENDAR
from server_es.calendars.tables import calendar as calendar_table

_YEARS_AT_MOST: Final = 30
_FIELDS: Final = ("title", "time_zone", "windows", "holidays", "exceptions", "breaks", "accept_until")


class Calendars(grpc_.CalendarServiceServicer):
    """Serves on-call times.

    Args:
        database: of server_es.
        due_times: knows which calls are timed by a calendar.
        site_zone: zone in which sums without a calendar are told.
    """

    def __init__(
        self, database: Database, due_times: CalendarDueTimes, *, compiled: Compiled, site_zone: str = mapping.ZONE
    ) -> None:
        self._database = database
        self._due_times = due_times
        self._compiled = compiled
        self._site_zone = site_zone

    async def GetCalendar(self, request: pb.GetCalendarRequest, _context: Any) -> pb.Calendar:
        return await self._database.read(lambda unit: store.message_of(store.get(unit, request.name)))

    async def ListCalendars(self, request: pb.ListCalendarsRequest, _context: Any) -> pb.ListCalendarsResponse:
        return await self._database.read(_list, request)

    async def CreateCalendar(self, request: pb.CreateCalendarRequest, _context: Any) -> pb.Calendar:
        mapping.calendar_of(request.calendar)
        if request.validate_only:
            return await self._database.read(_check_free, request.calendar)
        return await self._database.run(store.create, request.calendar)

    async def UpdateCalendar(self, request: pb.UpdateCalendarRequest, _context: Any) -> pb.Calendar:
        masks.etag_given(request.calendar.etag, field="calendar")
        if request.validate_only:
            return await self._database.read(lambda unit: _changed(unit, request, lock=False)[1])
        return await self._database.run(self._update, request)

    async def DeleteCalendar(self, request: pb.DeleteCalendarRequest, _context: Any) -> Empty:
        await self._database.run(_delete, request)
        return Empty()

    async def PreviewCalendarUpdate(
        self, request: pb.PreviewCalendarUpdateRequest, _context: Any
    ) -> pb.PreviewCalendarUpdateResponse:
        return await self._database.read(self._preview, request, mapping.calendar_of(request.calendar))

    async def ListHolidays(self, request: pb.ListHolidaysRequest, _context: Any) -> pb.ListHolidaysResponse:
        if not request.first_year <= request.last_year <= request.first_year + _YEARS_AT_MOST:
            text = f"must lie between first_year and {_YEARS_AT_MOST} years after it"
            raise InvalidArgument([Violation("last_year", text)])
        return await self._database.read(self._holidays, request)

    async def ComputeDueTime(self, request: pb.ComputeDueTimeRequest, _context: Any) -> pb.ComputeDueTimeResponse:
        return await self._database.read(self._compute, request)

    def _update(self, unit: UnitOfWork, request: pb.UpdateCalendarRequest) -> pb.Calendar:
        mark.change(unit)
        row, message = _changed(unit, request, lock=True)
        changed = store.replace(unit, row, message)
        self._due_times.calendar_changed(unit, row.id)
        return changed

    def _preview(
        self, unit: UnitOfWork, request: pb.PreviewCalendarUpdateRequest, calendar: Calendar
    ) -> pb.PreviewCalendarUpdateResponse:
        row = store.get(unit, request.calendar.name)
        preview = self._due_times.preview_calendar(unit, row.id, calendar)
        shifts, token = shift_page(request, preview)
        return pb.PreviewCalendarUpdateResponse(shifts=shifts, next_page_token=token, examined_count=preview.examined)

    def _holidays(self, unit: UnitOfWork, request: pb.ListHolidaysRequest) -> pb.ListHolidaysResponse:
        region = self._compiled.of(store.message_of(store.get(unit, request.calendar))).region
        years = range(request.first_year, request.last_year + 1) if region else ()
        found = [one for year in years for one in sorted(holidays_of(region, year).items())]
        return pb.ListHolidaysResponse(holidays=[pb.Holiday(date=day.isoformat(), title=name) for day, name in found])

    def _compute(self, unit: UnitOfWork, request: pb.ComputeDueTimeRequest) -> pb.ComputeDueTimeResponse:
        named = request.calendar
        calendar = self._compiled.of(store.message_of(store.get(unit, named))) if named else None
        start = rules.received(calendar, _instant(request))
        sum_ = rules.explain(calendar, start, request.working_duration.ToTimedelta())
        stretches, omitted = mapping.stretches(sum_.windows)
        german, english = (wording.text(sum_, calendar, one, site_zone=self._site_zone) for one in ("de", "en"))
        explanation = pb.Explanation(
            clock_start_time=mapping.timestamp(rules.next_open(calendar, start)),
            working_duration=request.working_duration,
            stretches=stretches,
            omitted_stretch_count=omitted,
            stops=[mapping.stopped(*one) for one in wording.closures(calendar, sum_.start, sum_.due)],
            holidays=[mapping.holiday(one) for one in sum_.special_days],
            german_text=german,
            english_text=english,
        )
        return pb.ComputeDueTimeResponse(due_time=mapping.timestamp(sum_.due), explanation=explanation)


def _instant(request: pb.ComputeDueTimeRequest) -> Any:
    try:
        return mapping.instant(request.start_time)
    except (ValueError, OverflowError):
        raise InvalidArgument([Violation("start_time", "is no instant between the years 1 and 9999")]) from None


def _list(unit: UnitOfWork, request: pb.ListCalendarsRequest) -> pb.ListCalendarsResponse:
    page = page_of(request)
    after = str(page.after[0]) if page.after else ""
    rows = store.page(unit, after, page.size + 1)
    calendars = [store.message_of(row) for row in rows[: page.size]]
    token = page.token([row._mapping for row in rows], ("id",))  # noqa: SLF001 - SQLAlchemy's public name
    return pb.ListCalendarsResponse(calendars=calendars, next_page_token=token)


def _check_free(unit: UnitOfWork, message: pb.Calendar) -> pb.Calendar:
    try:
        store.get(unit, message.name)
    except NotFound:
        return message
    raise AlreadyExists(f"{message.name} exists already", resource=message.name)


def _changed(unit: UnitOfWork, request: pb.UpdateCalendarRequest, *, lock: bool) -> tuple[Any, pb.Calendar]:
    given = request.calendar
    row = store.get(unit, given.name, lock=lock)
    stored = store.message_of(row)
    etags.check(given.etag, stored.etag, given.name)
    message = masks.merged(stored, given, request.update_mask, fields=_FIELDS, field="calendar")
    mapping.calendar_of(message)
    return row, message


def _delete(unit: UnitOfWork, request: pb.DeleteCalendarRequest) -> None:
    mark.change(unit)
    row = store.get(unit, request.name, lock=True)
    etags.check(request.etag, store.etag_of(row), request.name)
    references.check_unused(unit, calendar_table, {"id": row.id}, CALENDAR.build(row.id))
    store.remove(unit, row)
