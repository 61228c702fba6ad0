"""Which names are let through; fuzzed with whatever an attacker may write."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.errors import InvalidArgument
from server_es.web_documents import rules
from server_es.web_documents.rules import Folder, Place, Visitor


def folder(id_: str, *path: str, **fields: object) -> Folder:
    return Folder(**{"id": id_, "german_title": id_.title(), "english_title": "", "path": path, **fields})  # type: ignore[arg-type]


def test_a_name_survives_its_address() -> None:
    at = Place("A-1", "plans", "Schaltplan Übersicht (v2) 100%.pdf")
    assert rules.uri(at) == "/documents/A-1/plans/Schaltplan%20%C3%9Cbersicht%20%28v2%29%20100%25.pdf"
    assert rules.place(rules.uri(at).encode()) == at


@pytest.mark.parametrize(
    "path",
    [
        b"/documents/A-1/plans/..",
        b"/documents/A-1/plans/%2e%2e",
        b"/documents/A-1/plans/%2E%2E%2Fsecret",
        b"/documents/A-1/plans/..%5csecret",
        b"/documents/A-1/plans/%252e%252e",
        b"/documents/A-1/plans/a%00.pdf",
        b"/documents/A-1/plans/%c0%ae%c0%ae",
        b"/documents/A-1/plans/%",
        b"/documents/A-1/plans/%zz",
        b"/documents/A-1/plans/",
        b"/documents/A-1/plans",
        b"/documents/A-1/Plans/a.pdf",
        b"/documents/A-1/plans/a/b",
        b"/documents/../plans/a.pdf",
        b"/documents/A_1/plans/a.pdf",
        b"/documents//A-1/plans/a.pdf",
        b"/documents/A-1/plans/a.pdf.",
        b"/documents/A-1/plans/%20a.pdf",
        b"/documents/A-1/plans/CON",
        b"/documents/A-1/plans/nul.txt",
        b"/documents/A-1/plans/a:stream",
        b"/documents/A-1/plans/a%E2%80%AEfdp.exe",
        b"/documents/A-1/plans/u%CC%88.pdf",  # decomposed: an address has one form
        b"/documents/A-1/plans/" + b"a" * 256,
        b"/elsewhere",
    ],
)
def test_an_address_that_is_not_plain_is_refused(path: bytes) -> None:
    found = rules.place(path)
    assert found is None or found.name == "%2e%2e"  # decoded once: a strange but harmless name


names = st.text(st.characters(codec="utf-8"), max_size=80)


@given(st.binary(max_size=120))
@example(b"A-1/plans/..%2f..%2fetc%2fpasswd")
@example(b"A-1/plans/\xc0\xae\xc0\xae")
def test_whatever_comes_over_the_wire_is_one_plain_name_or_nothing(tail: bytes) -> None:
    found = rules.place(b"/documents/" + tail)
    if found is not None:
        assert not set("/\\\0") & set(found.name)
        assert found.name not in ("", ".", "..")
        assert len(found.name.encode()) <= rules.LONGEST_NAME
        assert rules.place(rules.uri(found).encode()) == found


@given(names, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_every_name_that_is_shown_can_be_asked_for(name: str, form: str) -> None:
    shown = rules.composed(unicodedata.normalize(form, name))
    if rules.is_released(shown):
        at = Place("1", "plans", shown)
        assert rules.place(rules.uri(at).encode()) == at
        assert shown in rules.spellings(shown)


@given(names)
def test_a_name_escaped_twice_is_never_unescaped_twice(name: str) -> None:
    found = rules.place(f"/documents/1/plans/{quote(quote(name, safe=''), safe='')}".encode())
    assert found is None or found.name == quote(name, safe="")


@given(names, st.text(st.characters(codec="utf-8"), max_size=300))
def test_a_system_folder_is_one_name(matchcode: str, more: str) -> None:
    name = rules.system_folder("<nr>_<matchcode>", "4711", matchcode + more)
    assert rules.name_problem(name) == ""
    assert name.startswith("4711")


@pytest.mark.parametrize(
    "name",
    [".hidden", "~$Plan.docx", "Plan.pdf~", "Plan.pdf.part", "PLAN.TMP", "Thumbs.db", "desktop.ini", "x.crdownload",
     "Plan_Entwurf.pdf", "$recycle", ""],
)  # fmt: skip
def test_hidden_unfinished_and_excluded_files_are_not_released(name: str) -> None:
    assert not rules.is_released(name, ["*_entwurf.*"])


@pytest.mark.parametrize("name", ["Plan.pdf", "Übersicht.PDF", "a", "Temperatur.xlsx", "part.pdf"])
def test_everything_else_is_released(name: str) -> None:
    assert rules.is_released(name, ["*_entwurf.*"])


def test_a_folder_in_a_staff_only_folder_is_staff_only() -> None:
    deep, intern = folder("deep", "Intern", "Tief", "Pläne"), folder("intern", "INTERN", staff_only=True)
    made = rules.structure("/docs", "<nr>", [deep, intern, folder("plans", "Pläne")])
    assert made.folders["deep"].staff_only
    assert made.folders["deep"].parent == "intern"
    assert not made.folders["plans"].staff_only
    assert made.folders["plans"].english_title == "Plans"


def test_a_structure_names_everything_that_is_wrong_with_it() -> None:
    said = [folder("a", "..", "x"), folder("b", "Pläne"), folder("b", "PLA\u0308NE"), folder("c")]
    with pytest.raises(InvalidArgument) as refused:
        rules.structure("/docs", "<matchcode>", said)
    fields = [one.field.removeprefix("server_es.web_documents.") for one in refused.value.violations]
    assert fields == ["system_folder", "folders[0].path", "folders[2].id", "folders[2].path", "folders[3].path"]


@pytest.mark.parametrize("pattern", ["<nr>_<Kunde>", "../<nr>", "a/<nr>", "<nr>*"])
def test_a_pattern_makes_one_name_of_known_words(pattern: str) -> None:
    with pytest.raises(InvalidArgument):
        rules.structure("/docs", pattern, [])


def test_a_customer_sees_own_systems_and_no_staff_only_folder() -> None:
    customer = Visitor(person="a@b.de", systems=frozenset({"1"}))
    assert customer.sees("1")
    assert customer.sees("1", folder("plans", "x"))
    assert not customer.sees("1", folder("intern", "x", staff_only=True))
    assert not customer.sees("2")
    assert Visitor(person="users/tom", staff=True).sees("2", folder("intern", "x", staff_only=True))


@pytest.mark.parametrize("name", ["a\u200bb", "x" * 300, "aux.txt", "a/b", "a ", "a."])
def test_a_name_that_cannot_be_is_explained(name: str) -> None:
    assert rules.name_problem(name)


def test_a_long_title_is_cut() -> None:
    assert len(rules.system_folder("<nr>_<matchcode>", "1", "ü" * 300).encode()) <= rules.LONGEST_NAME


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Plan.pdf", "Plan (17).pdf"),
        ("Plan", "Plan (17)"),
        ("a.b.c", "a.b (17).c"),
        ("ü" * 125 + ".pdf", "ü" * 123 + " (17).pdf"),
    ],
)
def test_a_name_that_is_taken_has_another_beside_it(name: str, other: str) -> None:
    assert rules.beside(name, "documents/17") == other
    assert len(other.encode()) <= rules.LONGEST_NAME


def test_places_are_told_apart_as_file_systems_without_case_do() -> None:
    assert rules.place_key(["A-1", "Pläne"], "PLAN.pdf") == rules.place_key(["a-1", "PLÄNE"], "plan.PDF")
    assert rules.place_key(["A-1"], "a.pdf") != rules.place_key(["A-1"], "b.pdf")
