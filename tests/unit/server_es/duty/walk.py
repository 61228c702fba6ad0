"""Who is on duty, found the slow way: every slot since the first duty day is laid out in instants."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from server_es.calendars.times import first_instant, last_instant
from server_es.duty.rotations import Kind, Rotation

Slot = tuple[datetime, datetime, tuple[str, ...]]


def slots(rotation: Rotation, zone: str, beyond: date) -> list[Slot]:
    """Return every slot of a rotation that begins before a day."""
    place, found, counted, day = ZoneInfo(zone), list[Slot](), 0, rotation.first
    weeks = months = 0
    while day < beyond:
        if day != rotation.first:
            weeks += day.weekday() == rotation.first.weekday()
            months += day.day == min(rotation.first.day, monthrange(day.year, day.month)[1])
        if day.weekday() in rotation.weekdays:
            step = rotation.length * 60 if rotation.kind is Kind.HOURLY else rotation.minutes
            minute = 0
            while minute < rotation.minutes:
                to = min(minute + step, rotation.minutes)
                turn = {
                    Kind.HOURLY: counted,
                    Kind.DAILY: counted // rotation.length,
                    Kind.WEEKLY: weeks // rotation.length,
                    Kind.MONTHLY: months // rotation.length,
                }[rotation.kind]
                start = first_instant(place, day, rotation.handoff + minute)
                end = last_instant(place, day, rotation.handoff + to)
                found.append((start, end, rotation.groups[turn % len(rotation.groups)]))
                counted += rotation.kind is Kind.HOURLY
                minute = to
            counted += rotation.kind is not Kind.HOURLY
        day += timedelta(days=1)
    return found


def on_duty(laid_out: list[Slot], at: datetime) -> set[str]:
    return {one for start, end, group in laid_out if start <= at < end for one in group}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
