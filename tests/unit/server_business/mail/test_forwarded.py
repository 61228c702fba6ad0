"""Who wrote a mail that somebody passed on."""

import pytest

from server_business.mail.forwarded import is_forwarded, original_sender

OUTLOOK = """Kannst du das übernehmen?

Von: Müller, Hans <hans@kunde.example>
Gesendet: Dienstag, 24. November 2026 08:00
An: Service
Betreff: Heizung kalt

Die Heizung bleibt kalt."""
GMAIL = """---------- Forwarded message ---------
From: Hans <hans@kunde.example>
Date: Tue, Nov 24, 2026
Subject: Heizung"""
THUNDERBIRD = """-------- Weitergeleitete Nachricht --------
Betreff: Heizung
Datum: Tue, 24 Nov 2026
Von: Hans <hans@kunde.example>
An: service@firma.example"""
MAILTO = "Von: Hans [mailto:hans@kunde.example]\nGesendet: heute"
LINKED = "*Von:* Hans <hans@kunde.example<mailto:hans@kunde.example>>\n*Gesendet:* heute"
QUOTED = "> Von: hans@kunde.example\n> An: service@firma.example"


@pytest.mark.parametrize("text", [OUTLOOK, GMAIL, THUNDERBIRD, MAILTO, LINKED, QUOTED])
def test_whoever_wrote_it_first_is_found(text: str) -> None:
    found = original_sender(text)
    assert found is not None
    assert found.address == "hans@kunde.example"


@pytest.mark.parametrize(
    "text",
    ["", "Von: hans@kunde.example kam nichts.", "Von: Hans\nGesendet: heute", "Von: a@b.example, c@d.example\nAn: x"],
)
def test_a_text_without_the_head_of_a_mail_names_nobody(text: str) -> None:
    assert original_sender(text) is None


def test_a_subject_says_that_a_mail_was_passed_on() -> None:
    assert all(is_forwarded(one) for one in ("WG: Heizung", "Fwd: x", "FW: x", "fw:x"))
    assert not any(is_forwarded(one) for one in ("AW: Heizung", "Heizung WG: 3", "Wgm"))
