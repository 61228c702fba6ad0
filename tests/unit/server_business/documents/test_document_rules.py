"""Rules of documents: who writes, what is kept, which folder, what words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mesh.errors import FailedPrecondition, InvalidArgument, NotFound
from server_business.documents import rules
from server_business.documents.rules import (
    MISCELLANEOUS,
    CheckedOut,
    CheckOut,
    ContentInfected,
    Deleted,
    Facts,
    NotCheckedOut,
    Retained,
    ScanPending,
    Verdict,
    VersionConflict,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
STRUCTURES = {"servicecalls": rules.structure("servicecalls", {"a": ("A", ""), "b": ("B", "a")})}


def out(*, owner: str = "users/eva", machine: str = "PC-7", until: datetime = NOW + HOUR, base: int = 3) -> CheckOut:
    return CheckOut(owner=owner, machine=machine, since=NOW - HOUR, until=until, base=base)


def facts(taken: CheckOut | None = None, *, deleted: bool = False) -> Facts:
    return Facts(name="documents/1", latest=3, out=taken, deleted=deleted)


def test_a_free_document_is_taken_out_as_it_is() -> None:
    made = rules.check_out(facts(), by="users/eva", machine="PC-7", keep=HOUR, now=NOW)
    assert made == CheckOut(owner="users/eva", machine="PC-7", since=NOW, until=NOW + HOUR, base=3)


def test_who_has_it_out_keeps_it_for_longer_from_the_same_base() -> None:
    made = rules.check_out(facts(out(base=2)), by="users/eva", machine="PC-7", keep=2 * HOUR, now=NOW)
    assert (made.since, made.until, made.base) == (NOW - HOUR, NOW + 2 * HOUR, 2)


@pytest.mark.parametrize(("by", "machine"), [("users/tom", "PC-7"), ("users/eva", "Laptop")])
def test_nobody_else_and_no_other_machine_gets_it(by: str, machine: str) -> None:
    with pytest.raises(CheckedOut) as caught:
        rules.check_out(facts(out()), by=by, machine=machine, keep=HOUR, now=NOW)
    assert caught.value.metadata["owner"] == "users/eva"


def test_what_has_expired_is_free_at_that_instant() -> None:
    taken = facts(out(until=NOW))
    assert rules.check_out(taken, by="users/tom", machine="X", keep=HOUR, now=NOW).base == 3
    rules.writable(taken, now=NOW)
    with pytest.raises(CheckedOut):
        rules.writable(taken, now=NOW - timedelta(microseconds=1))


def test_only_the_owner_checks_in_while_it_lasts() -> None:
    assert rules.check_in(facts(out()), by="users/eva", now=NOW) == 4
    with pytest.raises(NotCheckedOut):
        rules.check_in(facts(out()), by="users/tom", now=NOW)
    with pytest.raises(NotCheckedOut):
        rules.check_in(facts(), by="users/eva", now=NOW)
    with pytest.raises(NotCheckedOut, match="until 2026-03-02 08:00"):
        rules.check_in(facts(out(until=NOW)), by="users/eva", now=NOW)
    with pytest.raises(VersionConflict):
        rules.check_in(facts(out(base=2)), by="users/eva", now=NOW)


def test_a_version_is_replaced_only_from_the_newest_and_while_nobody_has_it() -> None:
    assert rules.replace(facts(), base=3, now=NOW) == 4
    for base in (2, 4):
        with pytest.raises(VersionConflict):
            rules.replace(facts(), base=base, now=NOW)
    with pytest.raises(CheckedOut):
        rules.replace(facts(out()), base=3, now=NOW)


def test_a_check_out_is_broken_only_where_there_is_one() -> None:
    assert rules.any_check_out(facts(out()), now=NOW) == out()
    for taken in (None, out(until=NOW)):
        with pytest.raises(NotCheckedOut):
            rules.any_check_out(facts(taken), now=NOW)


def test_in_the_bin_nothing_is_written() -> None:
    gone = facts(deleted=True)
    for call in (
        lambda: rules.check_out(gone, by="users/eva", machine="X", keep=HOUR, now=NOW),
        lambda: rules.check_in(gone, by="users/eva", now=NOW),
        lambda: rules.replace(gone, base=3, now=NOW),
    ):
        with pytest.raises(Deleted):
            call()


def test_who_has_it_out_may_put_it_into_the_bin_and_nobody_else() -> None:
    rules.deletable(facts(out()), by="users/eva", now=NOW)
    rules.deletable(facts(out(until=NOW)), by="users/tom", now=NOW)
    rules.deletable(facts(), by="users/tom", now=NOW)
    with pytest.raises(CheckedOut):
        rules.deletable(facts(out()), by="users/tom", now=NOW)


@pytest.mark.parametrize(
    ("created", "until"),
    [
        (datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2035, 1, 1, tzinfo=BERLIN)),
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=BERLIN)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=BERLIN)),  # New Year in Berlin
    ],
)
def test_eight_years_begin_with_the_end_of_the_year(created: datetime, until: datetime) -> None:
    assert rules.retained_until(created, 8, BERLIN) == until
    assert rules.retained_until(created, None, BERLIN) is None


def test_what_is_kept_held_or_not_in_the_bin_is_not_erased() -> None:
    rules.erasable(facts(deleted=True), until=NOW, holds=(), now=NOW)
    rules.erasable(facts(deleted=True), until=None, holds=(), now=NOW)
    with pytest.raises(Retained, match="must be kept until 2026-03-02"):
        rules.erasable(facts(deleted=True), until=NOW + HOUR, holds=(), now=NOW)
    with pytest.raises(Retained, match="on hold: streit"):
        rules.erasable(facts(deleted=True), until=None, holds=("streit",), now=NOW)
    with pytest.raises(FailedPrecondition, match="does not lie in the bin"):
        rules.erasable(facts(), until=None, holds=(), now=NOW)


def test_parents_stand_before_what_lies_in_them() -> None:
    made = rules.structure("projects", {"c": ("C", "a"), "a": ("A", "z"), "z": ("Z", "")})
    assert [(one.name.removeprefix("documentFolders/projects-"), one.title) for one in made] == [
        ("z", "Z"), ("a", "A"), ("c", "C"),
    ]  # fmt: skip
    assert made[1].parent == "documentFolders/projects-z"


@pytest.mark.parametrize("folders", [{"a": ("A", "b"), "b": ("B", "a")}, {"a": ("A", "none")}])
def test_a_folder_lies_neither_in_itself_nor_in_nothing(folders: dict[str, tuple[str, str]]) -> None:
    with pytest.raises(InvalidArgument, match=r"structures\.projects\.folders\.a\.parent"):
        rules.structure("projects", folders)


def test_something_lies_in_a_folder_of_its_own_case() -> None:
    free = {"documentFolders/7": "servicecalls/1", "documentFolders/8": ""}

    def place(folder: str, case: str) -> str:
        return rules.place(folder, case, STRUCTURES, free, field="folder")

    assert place("", "servicecalls/1") == place(MISCELLANEOUS, "") == MISCELLANEOUS
    assert place("documentFolders/servicecalls-b", "servicecalls/1") == "documentFolders/servicecalls-b"
    assert place("documentFolders/7", "servicecalls/1") == "documentFolders/7"
    assert place("documentFolders/8", "") == "documentFolders/8"
    for folder, case in (("documentFolders/servicecalls-b", "addresses/1"), ("documentFolders/9", "")):
        with pytest.raises(NotFound):
            place(folder, case)
    foreign = [
        ("documentFolders/7", "servicecalls/2"),
        ("documentFolders/7", ""),
        ("documentFolders/8", "servicecalls/1"),
    ]
    for folder, case in foreign:
        with pytest.raises(InvalidArgument, match="belongs to"):
            place(folder, case)


def test_a_file_name_is_one_that_every_system_takes() -> None:
    assert rules.file_name(" Plan u\u0308ber 1.pdf ", field="f") == "Plan über 1.pdf"
    for wrong in ("", ". .", "a/b", "a\\b", "a\0", "con:1", "rechnung\u202efdp.exe", "ü" * 128):
        with pytest.raises(InvalidArgument):
            rules.file_name(wrong, field="f")


def test_words_are_found_alike_however_they_are_written() -> None:
    assert rules.words("Straße", "STRASSE") == ["strasse"]
    assert rules.words("Wärmepumpe-17_b") == ["17", "b", "warmepumpe"]
    assert rules.words("-- ,.") == []
    assert rules.words("x" * 100) == ["x" * 60]
    assert rules.bounded(["aa", "bb", "cc"], 6) == "aa bb"
    assert rules.bounded([], 0) == ""


def test_nothing_leaves_without_a_clean_verdict() -> None:
    rules.harmless("v", None, None, scans=False)
    rules.harmless("v", Verdict.WAITING, "", scans=False)
    rules.harmless("v", Verdict.CLEAN, "", scans=True)
    with pytest.raises(ScanPending, match=r"v waits for the virus scan\.$"):
        rules.harmless("v", None, None, scans=True)
    with pytest.raises(ScanPending, match=r"v waits for the virus scan: it is away"):
        rules.harmless("v", Verdict.WAITING, "it is away", scans=True)
    for scans in (True, False):
        with pytest.raises(ContentInfected, match="found Eicar in v"):
            rules.harmless("v", Verdict.INFECTED, "Eicar", scans=scans)
