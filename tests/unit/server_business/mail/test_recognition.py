import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import InvalidArgument
from server_business.mail.recognition import MATCHCODE, NUMBER, compile_template, normal_subject, without_prefixes

USUAL = compile_template("{Call <ServCall.ServicecallNr>} <ServCall.Matchcode>")


@pytest.mark.parametrize(
    "subject",
    [
        "Call 4711 Heizung kalt",
        "AW: Call 4711 Heizung kalt",
        "Re: AW: WG: Fwd: [EXTERN] call 4711",
        "RE:CALL\r\n 4711 Heizung",
        "Re: Call\t4711",
        "Re: Call\u00a04711",
        "Re: Call4711",
        "Re: Ca\u200bll 4711",
        "Zu Call 04711: erledigt",
        "(Call 4711)",
        "Call 4711, zweite Frage",
    ],
)
def test_the_call_is_found_however_the_subject_was_mangled(subject: str) -> None:
    assert USUAL.numbers(subject) == (4711,)


@pytest.mark.parametrize(
    "subject",
    ["", "Heizung kalt", "Recall 4711", "Call", "Call A4711", "Call 4711a", "Call 0", "Call " + "9" * 19, "4711"],
)
def test_what_is_no_call_number_is_none(subject: str) -> None:
    assert USUAL.numbers(subject) == ()


def test_several_numbers_keep_their_order_and_come_once() -> None:
    assert USUAL.numbers("AW: Call 12 (war Call 7, Call 12)") == (12, 7)


def test_umlauts_are_found_composed_or_not() -> None:
    template = compile_template("{Störung <ServCall.ServicecallNr>}")
    assert template.numbers("AW: STO\u0308RUNG 5") == (5,)


def test_signs_around_the_number_are_part_of_the_pattern() -> None:
    template = compile_template("<ServCall.Matchcode> {[#<ServCall.ServicecallNr>]}")
    assert template.numbers("Re: Heizung [#12]") == (12,)
    assert template.numbers("Re: Heizung #12") == ()


def test_a_title_between_the_braces_may_be_anything() -> None:
    template = compile_template("{Call <ServCall.Matchcode>: <ServCall.ServicecallNr>}")
    assert template.numbers("AW: Call Heizung kalt: 12") == (12,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Call <ServCall.ServicecallNr>", "one pair of braces"),
        ("}Call <ServCall.ServicecallNr>{", "one pair of braces"),
        ("{Call} {<ServCall.ServicecallNr>}", "one pair of braces"),
        ("{{Call <ServCall.ServicecallNr>}}", "one pair of braces"),
        ("{Call <ServCall.Matchcode>}", "exactly once"),
        ("{Call} <ServCall.ServicecallNr>", "exactly once"),
        ("{Call <ServCall.ServicecallNr> <ServCall.ServicecallNr>}", "exactly once"),
        ("{Call <ServCall.Nummer>}", "<ServCall.Nummer> is not known; known are <ServCall.Matchcode>, <ServCall.Ser"),
        ("{Call <ServCall.ServicecallNr>} <Gruß>", "<Gruß> is not known"),
        ("{<ServCall.ServicecallNr>}", "a text beside"),
        ("{ <ServCall.ServicecallNr> <ServCall.Matchcode> }", "a text beside"),
    ],
)
def test_a_template_that_cannot_work_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        compile_template(text)
    (violation,) = refused.value.violations
    assert violation.field == "subject_template"
    assert sentence in violation.description


def test_a_site_may_know_more_placeholders() -> None:
    template = compile_template("{Call <ServCall.ServicecallNr>} <Anlage>", placeholders={NUMBER, "Anlage"})
    assert template.render({NUMBER: "3", "Anlage": "Kessel 1"}) == "Call 3 Kessel 1"


def test_a_rendered_subject_is_one_line_whatever_the_title_holds() -> None:
    assert (
        USUAL.render({NUMBER: "12", MATCHCODE: "Kalt\r\nBcc: alle@firma.example"})
        == "Call 12 Kalt Bcc: alle@firma.example"
    )
    assert USUAL.render({NUMBER: "12"}) == "Call 12"


@given(
    before=st.text(string.ascii_letters + " [(#", max_size=8),
    after=st.text(string.ascii_letters + " ])", max_size=8),
    number=st.integers(1, 10**18 - 1),
    title=st.text(max_size=80),
    prefix=st.sampled_from(["", "Re: ", "AW: WG: ", "Fwd: [EXT] "]),
)
def test_what_we_send_is_found_in_the_reply(before: str, after: str, number: int, title: str, prefix: str) -> None:
    template = compile_template(f"{{#{before}:<{NUMBER}>:{after}}} - <{MATCHCODE}>")
    assert number in template.numbers(prefix + template.render({NUMBER: str(number), MATCHCODE: title}))


@given(st.text())
def test_any_subject_is_searched_without_complaint(subject: str) -> None:
    assert all(number > 0 for number in USUAL.numbers(subject))
    assert normal_subject(normal_subject(subject)) == normal_subject(subject)


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("Heizung kalt", "Heizung kalt"),
        ("Re: AW: Fwd: WG: SV: Heizung", "Heizung"),
        ("Re[2]: AW(3): Heizung", "Heizung"),
        ("Antwort: Heizung", "Heizung"),
        ("Reparatur: Heizung", "Reparatur: Heizung"),
        ("Re:", ""),
    ],
)
def test_the_title_of_a_new_call_has_no_prefixes(subject: str, title: str) -> None:
    assert without_prefixes(subject) == title
