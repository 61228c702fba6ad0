"""What follows when a notice could not be delivered: the next channel he wants, in the end his inbox."""

from collections.abc import Iterable
from typing import Any

from mesh.database import UnitOfWork
from server_es.directory import facts
from server_es.messages.address import Messages
from server_es.notices import rules, store
from server_es.notices.rules import DEFAULT, Channel, Notice, Recipient, State
from server_es.notices.telling import Notices


def tell_otherwise(unit: UnitOfWork, rows: Iterable[Any], messages: Messages, notices: Notices) -> dict[int, str]:
    """Tell employees over another channel what has not reached them; return how, by the ids of the notices.

    Args:
        unit: the transaction in which the notices have failed.
        rows: the notices, as mappings.
        messages: the inboxes.
        notices: tell.
    """
    left = [row for row in rows if row["employee"] and not _is_over(unit, row)]
    if not left:
        return {}
    people = facts.staff(unit).employees
    wanted = store.preferences_of(unit, {row["employee"] for row in left})
    found = {}
    for row in left:
        person = people.get(row["employee"])
        others = [one for one in store.told(unit, row["cause"]) if one.recipient == row["recipient"]]
        if person is None or _has_read(unit, others, messages):
            continue
        told = frozenset(Channel(one.channel) for one in others)
        reached = any(one.id != row["id"] and one.state not in (State.FAILED, State.SUPPRESSED) for one in others)
        channel = rules.channel_after_failure(wanted.get(person.number, DEFAULT), person, told, reached=reached)
        if channel is not None:
            notices.tell(unit, [said(row, person.number, channels=frozenset({channel}))])
            found[row["id"]] = channel.name
    return found


def said(row: Any, employee: str, *, channels: frozenset[Channel] | None = None) -> Notice:
    """Return what a row tells, told to an employee."""
    return Notice(
        cause=row["cause"], about=row["about"], recipient=Recipient(employee=employee), subject=row["subject"],
        text=row["text"], urgent=row["urgent"], expire_time=row["expire_time"], substitutes=False, channels=channels,
    )  # fmt: skip


def _is_over(unit: UnitOfWork, row: Any) -> bool:
    return row["expire_time"] is not None and row["expire_time"] <= unit.now


def _has_read(unit: UnitOfWork, rows: Iterable[Any], messages: Messages) -> bool:
    places = {(row.employee, row.inbox_sequence) for row in rows if row.inbox_sequence is not None}
    return any(time is not None for time in messages.read_times(unit, places).values())
