"""What becomes of a text with placeholders."""

import pytest

from mesh.errors import InvalidArgument
from server_es.text_modules.rules import Rendered, check, missing, render, template

KNOWN = ("ServCall.ServicecallNr", "ServCall.Matchcode", "System.Matchcode")
VALUES = {"ServCall.ServicecallNr": "4711", "ServCall.Matchcode": "Pumpe steht", "System.Matchcode": ""}


def test_the_first_line_is_the_subject() -> None:
    text = "Call <ServCall.ServicecallNr>: <ServCall.Matchcode>\n\nBitte prüfen.\nDanke"
    assert render(template(text), VALUES) == Rendered("Call 4711: Pumpe steht", "Bitte prüfen.\nDanke")


def test_one_line_is_a_subject_without_a_message() -> None:
    assert render(template("Nur ein Betreff"), {}) == Rendered("Nur ein Betreff", "")


def test_lines_may_end_as_windows_ends_them() -> None:
    assert render(template("Betreff\r\n\r\nEins\r\nZwei\r\n"), {}) == Rendered("Betreff", "Eins\nZwei")


@pytest.mark.parametrize(
    ("language", "written"), [("de", "[System.Matchcode fehlt]"), ("en", "[System.Matchcode is missing]")]
)
def test_a_missing_field_is_written_visibly(language: str, written: str) -> None:
    of = template("Anlage <System.Matchcode>", language)  # type: ignore[arg-type]
    assert render(of, VALUES).subject == f"Anlage {written}"
    assert missing(of, VALUES) == ("System.Matchcode",)


def test_a_value_is_never_read_as_text() -> None:
    values = {"ServCall.Matchcode": "<ServCall.ServicecallNr>", "ServCall.ServicecallNr": "1"}
    assert render(template("<ServCall.Matchcode>"), values).subject == "<ServCall.ServicecallNr>"


def test_a_value_cannot_break_the_subject_line() -> None:
    values = {"ServCall.Matchcode": "Pumpe\r\nBcc: alle@example.org\x00"}
    assert render(template("<ServCall.Matchcode>"), values).subject == "Pumpe Bcc: alle@example.org"


def test_angle_brackets_of_other_kinds_stay() -> None:
    text = "Mail <maike@example.org> und <b>fett</b>"
    check(text, KNOWN)
    assert render(template(text), {}).subject == text


def test_every_unknown_placeholder_is_named_with_what_was_meant() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check("<servcall.matchcode> <ServCall.Matchcod>\n<Foo.Bar> <ServCall.ServicecallNr>", KNOWN, field="t")
    assert [(one.field, one.description) for one in caught.value.violations] == [
        ("t", "<servcall.matchcode> is no placeholder; <ServCall.Matchcode> is"),
        ("t", "<ServCall.Matchcod> is no placeholder; <ServCall.Matchcode> is"),
        ("t", "<Foo.Bar> is no placeholder"),
    ]


@pytest.mark.parametrize("text", ["", " \n ", "Call\x00"])
def test_a_text_without_a_subject_or_with_controls_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        check(text, KNOWN)


def test_a_text_that_begins_with_blanks_has_the_subject_after_them() -> None:
    assert render(template("\n\n  Betreff \nText"), {}) == Rendered("Betreff", "Text")
