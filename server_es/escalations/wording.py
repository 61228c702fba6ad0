"""A simulated step in a sentence, in German and English. Pure."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from server_es.calendars.wording import Language, moment
from server_es.escalations.recipients import Channel, Told
from server_es.escalations.simulation import Step
from server_es.servicecalls.rules import Kind

KINDS: Final[Mapping[Language, Mapping[Kind, str]]] = {
    "de": {Kind.REACTION: "Reaktion", Kind.ARRIVAL: "Eintreffen", Kind.SOLUTION: "Lösung"},
    "en": {Kind.REACTION: "Reaction", Kind.ARRIVAL: "Arrival", Kind.SOLUTION: "Solution"},
}
CHANNELS: Final[Mapping[Language, Mapping[Channel, str]]] = {
    "de": {
        Channel.ES_MESSAGE: "esMessage",
        Channel.MAIL: "E-Mail",
        Channel.ADDITIONAL_MAIL: "zusätzliche E-Mail",
        Channel.SMS: "SMS",
    },
    "en": {
        Channel.ES_MESSAGE: "esMessage",
        Channel.MAIL: "e-mail",
        Channel.ADDITIONAL_MAIL: "additional e-mail",
        Channel.SMS: "SMS",
    },
}
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "de": {
        "due": "{kind} fällig",
        "fires": "{point}: {told}",
        "repeats": "{point}, {round}. Wiederholung: {told}",
        "nobody": "niemand erreichbar, der nächste Punkt folgt sofort",
        "state": ", neuer Status {state}",
        "held": " (nach dem Wartungsfenster)",
        "hastened": " (vorgezogen)",
    },
    "en": {
        "due": "{kind} due",
        "fires": "{point}: {told}",
        "repeats": "{point}, repetition {round}: {told}",
        "nobody": "nobody can be reached, the next point follows at once",
        "state": ", new state {state}",
        "held": " (after the maintenance window)",
        "hastened": " (ahead of its time)",
    },
}


def name_of(told: Told) -> str:
    """Return who is told: a resource name, an address or a number."""
    return f"employees/{told.employee}" if told.employee else next(iter(told.channels.values()))


def sentence(step: Step, zone: ZoneInfo, language: Language) -> str:
    """Return when it happens, and what."""
    words = _WORDS[language]
    when = moment(step.time, zone, language)
    link = step.link
    if link is None:
        return f"{when}  {words['due'].format(kind=KINDS[language][step.kind])}"
    told = "; ".join(_told(one, language) for one in link.told) or words["nobody"]
    key = "repeats" if link.due.round else "fires"
    text = words[key].format(point=link.due.point.title, round=link.due.round, told=told)
    if link.new_state is not None:
        text += words["state"].format(state=link.new_state.name)
    text += words["held"] if step.held else ""
    text += words["hastened"] if link.hastened else ""
    return f"{when}  {text}"


def _told(told: Told, language: Language) -> str:
    channels = ", ".join(CHANNELS[language][one] for one in Channel if one in told.channels)
    return f"{name_of(told)} ({channels})"
