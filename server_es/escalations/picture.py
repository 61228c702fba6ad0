"""The timeline of a call as a picture (SVG) that can be shown to a customer: it names no employee and no address. Pure.

The same facts give the same bytes. Time runs from left to right, closed hours are grey; what happens is numbered on the
line and told in the list below it, so that nothing overlaps however close together it is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from textwrap import wrap
from typing import Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from server_es.calendars.timeline import Span
from server_es.calendars.wording import Language, moment
from server_es.escalations.recipients import Channel
from server_es.escalations.simulation import Step
from server_es.escalations.wording import CHANNELS, KINDS

WIDTH: Final = 960
_LEFT: Final = 40
_RIGHT: Final = WIDTH - 40
_LINE: Final = 118
_LIST: Final = 186
_ROW: Final = 26
_TICKS: Final = 5
_AT_MOST: Final = 40
_SAID_AT_MOST: Final = 88
_TITLE_AT_MOST: Final = 90
_Across = Callable[[datetime], float]
_FONT: Final = "font-family='Segoe UI, Helvetica, Arial, sans-serif'"

_COLOURS: Final = {"point": "#c2410c", "due": "#1d4ed8", "repeat": "#d97706", "line": "#334155", "closed": "#e2e8f0"}
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "de": {
        "title": "Servicecall {number}: {title}",
        "subtitle": "Was geschieht, wenn niemand eingreift",
        "now": "jetzt",
        "due": "{kind} fällig",
        "fires": "{point}: {count} {people} über {channels}",
        "one": "Person wird benachrichtigt",
        "many": "Personen werden benachrichtigt",
        "nobody": "{point}: niemand erreichbar, der nächste Punkt folgt sofort",
        "repeat": " ({round}. Wiederholung)",
        "held": " (nach Wartungsfenster)",
        "state": ", Status {state}",
        "more": "… und {count} weitere",
        "nothing": "Es geschieht nichts.",
    },
    "en": {
        "title": "Servicecall {number}: {title}",
        "subtitle": "What happens if nobody steps in",
        "now": "now",
        "due": "{kind} due",
        "fires": "{point}: {count} {people} by {channels}",
        "one": "person is told",
        "many": "people are told",
        "nobody": "{point}: nobody can be reached, the next point follows at once",
        "repeat": " (repetition {round})",
        "held": " (after maintenance)",
        "state": ", state {state}",
        "more": "… and {count} more",
        "nothing": "Nothing happens.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the picture shows.

    Attributes:
        number: of the call.
        title: of the call.
        start: the present.
        steps: what happens.
        open: when work goes on; what lies between is grey.
        zone: where times are local.
        reason: why nothing happens; shown when there are no steps.
    """

    number: int
    title: str
    start: datetime
    steps: Sequence[Step]
    open: Sequence[Span]
    zone: ZoneInfo
    reason: str = ""


def end_of(start: datetime, steps: Sequence[Step]) -> datetime:
    """Return where the picture ends: a little after the last thing that it shows."""
    last = max((step.time for step in steps[:_AT_MOST]), default=start)
    return last + max((last - start) / 20, timedelta(minutes=30))


def draw(scene: Scene, language: Language) -> str:
    """Return the picture."""
    words = _WORDS[language]
    shown = scene.steps[:_AT_MOST]
    end = end_of(scene.start, scene.steps)
    hidden = len(scene.steps) - len(shown)
    said = [wrap(_said(step, language), _SAID_AT_MOST) for step in shown]
    lines = sum(map(len, said)) + (1 if hidden or not shown else 0)
    height = _LIST + lines * _ROW + 20
    title = words["title"].format(number=scene.number, title=scene.title)

    def across(at: datetime) -> float:
        share = (at - scene.start) / (end - scene.start)
        return round(_LEFT + max(0.0, min(1.0, share)) * (_RIGHT - _LEFT), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(
            _LEFT, 34, title if len(title) <= _TITLE_AT_MOST else title[: _TITLE_AT_MOST - 1] + "…", size=20, bold=True
        ),
        _text(_LEFT, 58, words["subtitle"], size=14, colour="#64748b"),
        *_closed(scene, end, across),
        f'<line x1="{_LEFT}" y1="{_LINE}" x2="{_RIGHT}" y2="{_LINE}" stroke="{_COLOURS["line"]}" stroke-width="2"/>',
        *_ticks(scene, end, across, words, language),
    ]
    y = _LIST + 16
    for number, (step, texts) in enumerate(zip(shown, said, strict=True), 1):
        parts.append(_mark(across(step.time), number, step))
        parts += _row(number, y, step, moment(step.time, scene.zone, language))
        parts += [_text(_LEFT + 190, y + at * _ROW, text, size=14) for at, text in enumerate(texts)]
        y += len(texts) * _ROW
    if hidden:
        parts.append(_text(_LEFT + 34, y, words["more"].format(count=hidden), size=14, colour="#64748b"))
    if not shown:
        parts.append(_text(_LEFT, _LIST + 16, scene.reason or words["nothing"], size=14))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _closed(scene: Scene, end: datetime, across: _Across) -> Iterable[str]:
    at = scene.start
    for span in (*scene.open, Span(end, end)):
        if span.start > at:
            x, width = across(at), round(across(min(span.start, end)) - across(at), 1)
            if width > 0:
                yield f'<rect x="{x}" y="{_LINE - 22}" width="{width}" height="44" fill="{_COLOURS["closed"]}"/>'
        at = max(at, span.end)


def _ticks(scene: Scene, end: datetime, across: _Across, words: Mapping[str, str], language: Language) -> Iterable[str]:
    for tick in range(_TICKS):
        at = scene.start + (end - scene.start) * tick / (_TICKS - 1)
        x = across(at)
        anchor = "start" if tick == 0 else "end" if tick == _TICKS - 1 else "middle"
        label = words["now"] if tick == 0 else moment(at, scene.zone, language)
        yield f'<line x1="{x}" y1="{_LINE}" x2="{x}" y2="{_LINE + 28}" stroke="#94a3b8" stroke-width="1"/>'
        yield _text(x, _LINE + 44, label, size=12, anchor=anchor, colour="#475569")


def _mark(x: float, number: int, step: Step) -> str:
    colour = _colour(step)
    y = _LINE - 14 - 20 * ((number - 1) % 2)
    return (
        f'<line x1="{x}" y1="{_LINE}" x2="{x}" y2="{y}" stroke="{colour}" stroke-width="1.5"/>'
        f'<circle cx="{x}" cy="{y}" r="10" fill="{colour}"/>'
        + _text(x, y + 4, str(number), size=11, anchor="middle", colour="#ffffff")
    )


def _row(number: int, y: int, step: Step, when: str) -> Iterable[str]:
    yield f'<circle cx="{_LEFT + 10}" cy="{y - 5}" r="10" fill="{_colour(step)}"/>'
    yield _text(_LEFT + 10, y - 1, str(number), size=11, anchor="middle", colour="#ffffff")
    yield _text(_LEFT + 34, y, when, size=14, colour="#475569")


def _said(step: Step, language: Language) -> str:
    words, link = _WORDS[language], step.link
    if link is None:
        return words["due"].format(kind=KINDS[language][step.kind])
    point = link.due.point.title
    if not link.told:
        return words["nobody"].format(point=point)
    channels = {channel for told in link.told for channel in told.channels}
    text = words["fires"].format(
        point=point,
        count=len(link.told),
        people=words["one" if len(link.told) == 1 else "many"],
        channels=", ".join(CHANNELS[language][one] for one in Channel if one in channels),
    )
    if link.new_state is not None:
        text += words["state"].format(state=link.new_state.name)
    text += words["repeat"].format(round=link.due.round) if link.due.round else ""
    return text + (words["held"] if step.held else "")


def _colour(step: Step) -> str:
    if step.link is None:
        return _COLOURS["due"]
    return _COLOURS["repeat" if step.link.due.round else "point"]


def _text(
    x: float, y: float, text: str, *, size: int, bold: bool = False, anchor: str = "start", colour: str = "#0f172a"
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" {_FONT} font-size="{size}"{weight} text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )
