from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_es.directory.senders import Owner, Sender, identify, normalised


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Eva@Kunde.Example", "eva@kunde.example"),
        ("  eva@kunde.example. ", "eva@kunde.example"),
        ("BÜRO@MÜLLER.example", "büro@xn--mller-kva.example"),
        ("büro@xn--mller-kva.EXAMPLE", "büro@xn--mller-kva.example"),
        ("bu\u0308ro@mu\u0308ller.example", "büro@xn--mller-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ('"a@b"@c.example', '"a@b"@c.example'),
        ("", ""),
        ("MAILER-DAEMON", ""),
        ("@kunde.example", ""),
        ("eva@", ""),
        ("eva@kunde..example", ""),
        ("eva@kun de.example", ""),
    ],
)
def test_one_spelling_is_kept(written: Any, kept: Any) -> None:
    assert normalised(written) == kept


@given(st.text())
def test_the_kept_spelling_is_its_own(text: Any) -> None:
    once = normalised(text)
    assert normalised(once) == once


@pytest.mark.parametrize(
    ("owners", "sender"),
    [
        ([], Sender()),
        ([Owner("1")], Sender(addresses=("1",))),
        ([Owner("1", "a")], Sender(addresses=("1",), contact_person="a")),
        ([Owner("1"), Owner("1", "a")], Sender(addresses=("1",), contact_person="a")),
        ([Owner("1", "a"), Owner("1", "b")], Sender(addresses=("1",))),
        ([Owner("2"), Owner("1", "a")], Sender(addresses=("1", "2"))),
    ],
)
def test_an_address_and_its_own_contact_person_are_one(owners: Any, sender: Any) -> None:
    assert identify(owners) == sender
