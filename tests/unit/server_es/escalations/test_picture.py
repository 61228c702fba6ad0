"""The timeline as a picture and in sentences."""

from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from server_es.calendars.timeline import Span
from server_es.escalations import picture, wording
from server_es.escalations.chain import Link
from server_es.escalations.picture import Scene, draw
from server_es.escalations.recipients import Channel, Told
from server_es.escalations.rules import Due, Point
from server_es.escalations.simulation import Step
from server_es.servicecalls.rules import Kind
from tests.unit.server_es.servicecalls.story import FORWARDED, HOUR, STATES, at

BERLIN = ZoneInfo("Europe/Berlin")
SVG = "{http://www.w3.org/2000/svg}"
ANNA = Told(employee="17", channels={Channel.ES_MESSAGE: "17", Channel.SMS: "+49170"})
CHIEF = Told(employee="", channels={Channel.MAIL: "chef@example.org"})


def step(
    time: str, percent: int, *told: Told, again: int = 0, state: int | None = None, day: int = 24, **of: bool
) -> Step:
    point = Point(number=percent, event="e", title=f"Warnung <{percent} %>", percent=percent)
    due = Due(time=at(time, day), point=point, round=again)
    new = STATES.find(state) if state else None
    link = Link(due=due, told=told, new_state=new, hastened=of.get("hastened", False))
    return Step(time=at(time, day), kind=Kind.SOLUTION, link=link, held=of.get("held", False))


STEPS = (
    step("13:00", 50, ANNA),
    step("13:30", 50, ANNA, CHIEF, again=1, state=FORWARDED),
    step("14:00", 75),
    step("16:00", 90, CHIEF, held=True, hastened=True),
    Step(time=at("17:00"), kind=Kind.SOLUTION, used_percent=100),
)


def scene(steps: tuple[Step, ...] = STEPS, **fields: object) -> Scene:
    said = {
        "number": 4711,
        "title": "Pumpe <steht> & tropft",
        "start": at("09:00"),
        "steps": steps,
        "open": (Span(at("09:00"), at("12:00")), Span(at("13:00"), at("17:00"))),
        "zone": BERLIN,
        **fields,
    }
    return Scene(**said)  # type: ignore[arg-type]


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_picture_tells_every_step_in_order() -> None:
    told = texts(draw(scene(), "de"))
    assert told[0] == "Servicecall 4711: Pumpe <steht> & tropft"
    said = [text for text in told if any(word in text for word in ("Warnung", "fällig", "Wiederholung"))]
    assert said == [
        "Warnung <50 %>: 1 Person wird benachrichtigt über esMessage, SMS",
        "Warnung <50 %>: 2 Personen werden benachrichtigt über esMessage, E-Mail, SMS, Status",
        "Weitergeleitet (1. Wiederholung)",
        "Warnung <75 %>: niemand erreichbar, der nächste Punkt folgt sofort",
        "Warnung <90 %>: 1 Person wird benachrichtigt über E-Mail (nach Wartungsfenster)",
        "Lösung fällig",
    ]


def test_it_names_nobody() -> None:
    for language in ("de", "en"):
        svg = draw(scene(), language)  # type: ignore[arg-type]
        assert "chef@" not in svg
        assert "+49170" not in svg
        assert "employees" not in svg


def test_the_same_facts_give_the_same_bytes() -> None:
    assert draw(scene(), "en") == draw(scene(), "en")


def test_marks_stand_on_the_line_in_the_order_of_time_and_inside_the_picture() -> None:
    root = ET.fromstring(draw(scene(), "en"))
    marks = [float(one.get("cx", "0")) for one in root.iter(f"{SVG}circle") if float(one.get("cy", "0")) < 118]
    assert marks == sorted(marks)
    assert len(marks) == len(STEPS)
    assert all(0 < x < picture.WIDTH for x in marks)
    assert float(root.get("height", "0")) > 186 + len(STEPS) * 26


def test_closed_hours_are_grey() -> None:
    root = ET.fromstring(draw(scene(), "en"))
    grey = [one for one in root.iter(f"{SVG}rect") if one.get("fill") == "#e2e8f0"]
    assert len(grey) == 2


def test_a_long_list_is_cut_and_says_so() -> None:
    svg = draw(scene(STEPS[:1] * 60, title="x" * 200), "en")
    assert "… and 20 more" in texts(svg)
    assert any(text.endswith("…") for text in texts(svg))


def test_nothing_happens_and_the_picture_says_why() -> None:
    assert "Die Uhr steht." in texts(draw(scene((), reason="Die Uhr steht."), "de"))
    assert "Nothing happens." in texts(draw(scene(()), "en"))


def test_a_step_in_a_sentence() -> None:
    said = [wording.sentence(one, BERLIN, "de") for one in STEPS]
    assert said == [
        "Di 24.03.2026 13:00  Warnung <50 %>: employees/17 (esMessage, SMS)",
        (
            "Di 24.03.2026 13:30  Warnung <50 %>, 1. Wiederholung: employees/17 (esMessage, SMS);"
            " chef@example.org (E-Mail), neuer Status Weitergeleitet"
        ),
        "Di 24.03.2026 14:00  Warnung <75 %>: niemand erreichbar, der nächste Punkt folgt sofort",
        "Di 24.03.2026 16:00  Warnung <90 %>: chef@example.org (E-Mail) (nach dem Wartungsfenster) (vorgezogen)",
        "Di 24.03.2026 17:00  Lösung fällig",
    ]
    assert wording.sentence(STEPS[4], BERLIN, "en") == "Tue 2026-03-24 17:00  Solution due"


def test_the_picture_goes_on_a_little_after_the_last_step() -> None:
    assert picture.end_of(at("09:00"), STEPS) > at("17:00")
    assert picture.end_of(at("09:00"), ()) == at("09:00") + HOUR / 2
