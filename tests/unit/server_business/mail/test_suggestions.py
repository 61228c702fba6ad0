"""Whose a mail of an unknown sender may be."""

from server_business.mail.suggestions import Hit, Kind, hints, suggest

SIGNATURE = """Unsere Anlage A-2001 steht.
Auch Gerät 4711 brummt, seit 2026.

Mit freundlichen Grüßen
Erika Muster
Muster GmbH, Hauptstr. 17, 45127 Essen
Tel.: 0201 / 123 456-78, mobil +49 170 1234567
"""


def hit(kind: Kind, asked: str, address: str = "1001", owner: str = "") -> Hit:
    name = f"addresses/{address}"
    return Hit(kind=kind, asked=asked, address=name, matchcode=f"Kunde {address}", owner=owner or name)


def test_a_mail_offers_domain_phones_and_numbers() -> None:
    offered = hints("erika@muster.example", "Störung", SIGNATURE, "DE")
    assert offered.domain == "muster.example"
    assert offered.phones == {"+4920112345678": "0201 / 123 456-78", "+491701234567": "+49 170 1234567"}
    assert {"A-2001", "4711", "45127"} <= offered.words.keys()
    assert offered.labelled == {"A-2001", "4711"}


def test_who_writes_from_a_provider_shares_nothing() -> None:
    assert hints("erika.muster@GMX.de", "", "", "DE").domain == ""
    assert hints("", "", "", "DE").domain == ""


def test_a_labelled_number_says_more_than_a_bare_one() -> None:
    offered = hints("erika@gmx.de", "", SIGNATURE, "DE")
    labelled, bare, short = (
        suggest(
            offered, [hit(Kind.SYSTEM, "A-2001", "1"), hit(Kind.SYSTEM, "45127", "2"), hit(Kind.SYSTEM, "X9", "3")]
        )[0],
        *suggest(offered, [hit(Kind.SYSTEM, "X9", "3"), hit(Kind.SYSTEM, "45127", "2")]),
    )
    assert (labelled.address, bare.address, short.address) == ("addresses/1", "addresses/3", "addresses/2")
    assert labelled.likelihood > bare.likelihood > short.likelihood


def test_kinds_of_evidence_add_up_and_one_kind_counts_once() -> None:
    offered = hints("erika@muster.example", "", SIGNATURE, "DE")
    domain = [hit(Kind.DOMAIN, "muster.example", owner=f"addresses/1001/contactPersons/{n}") for n in range(3)]
    phone = hit(Kind.PHONE, "+4920112345678")
    (alone,) = suggest(offered, domain)
    (both,) = suggest(offered, [*domain, phone])
    assert round(alone.likelihood, 3) == 0.7
    assert round(both.likelihood, 3) == 1 - round(0.3 * 0.15, 3)
    assert (both.evidence[0].kind, both.evidence[0].found) == (Kind.PHONE, "0201 / 123 456-78")
    assert len(both.evidence) == 4


def test_a_domain_that_several_share_says_less() -> None:
    offered = hints("erika@muster.example", "", "", "DE")
    found = suggest(offered, [hit(Kind.DOMAIN, "muster.example", one) for one in ("1", "2")])
    assert [round(one.likelihood, 2) for one in found] == [0.35, 0.35]
    assert [one.address for one in found] == ["addresses/1", "addresses/2"]


def test_a_long_text_is_looked_at_at_both_ends() -> None:
    text = "Tel. 0201 1234567\n" + "x " * 30_000 + "\nTel. 0201 7654321"
    assert set(hints("", "", text, "DE").phones) == {"+492011234567", "+492017654321"}


def test_no_text_is_looked_at_without_end() -> None:
    numbers = "\n".join(f"Tel. 0201 {1_000_000 + n}" for n in range(80))
    assert len(hints("", "", numbers, "DE").phones) == 50
    assert len(hints("", "", " ".join(f"A{n}" for n in range(1_000)), "DE").words) == 400
