"""The directory on SQLite and on PostgreSQL."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from esoffice.es.v1 import contacts_pb2, directory_pb2
from sqlalchemy import MetaData

import server_es.contacts.store
from mesh.clock import ManualClock
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument
from server_es.contacts import messages
from server_es.contacts import store as contacts
from server_es.directory import facts, store
from server_es.directory.families import FAMILIES
from server_es.directory.rules import Subject
from server_es.directory.senders import Owner
from server_es.directory.upserts import upsert
from server_es.schema import METADATA
from tests.builders import directory as build


@pytest.fixture
def metadata() -> MetaData:
    return METADATA


def put(database: Database, *records: directory_pb2.Record) -> list[int]:
    with database.unit() as unit:
        answer = upsert(unit, build.upsert(*records), lambda _, asked: set(asked))
    assert [one.status.message for one in answer.results if one.HasField("status")] == []
    return [one.upsert_outcome for one in answer.results]


@pytest.fixture
def site(database: Database) -> Database:
    put(
        database,
        build.significance("a"),
        build.employee("1", given_name="Eva", substitute="employees/2", absent=True),
        build.employee("2", substitute="employees/1", service_user=True),
        build.team("t", "2", "1"),
        build.address("1", significance="significances/a", mail_addresses=["A@x.example"]),
        build.address("2", kind="supplier", mail_addresses=["a@X.example"]),
        build.contact_person("1", "p", mail_address="p@x.example"),
        build.system("A", "1", service_level="serviceLevels/2"),
        build.component("A", "k", service_level="serviceLevels/1"),
        build.contract("V", "1", system="systems/A", service_level="serviceLevels/3"),
    )
    return database


def test_a_call_learns_significance_and_levels_of_what_it_is_about(site: Database) -> None:
    with site.reading() as unit:
        whole = facts.call_facts(unit, Subject(contract="V", component="k"))
        customer = facts.call_facts(unit, Subject(address="2"))
        with pytest.raises(InvalidArgument, match="systems/A belongs to addresses/1, not to addresses/2"):
            facts.call_facts(unit, Subject(address="2", system="A"))
        with pytest.raises(
            InvalidArgument, match="address: addresses/9 does not exist; contract: contracts/X does not"
        ):
            facts.call_facts(unit, Subject(address="9", contract="X"))
    assert whole.subject == Subject(address="1", system="A", component="k", contract="V")
    assert (whole.significance, whole.component_level, whole.system_level, whole.contract_level) == ("a", 1, 2, 3)
    assert (customer.significance, customer.component_level, customer.system_level) == (None, None, None)


def test_the_staff_is_known_with_teams_and_substitutes(site: Database) -> None:
    with site.reading() as unit:
        staff = facts.staff(unit)
    assert staff.members("t") == ("2", "1")
    assert staff.substitute("1") == "2"
    assert staff.employees["1"].name == "Eva Name1"
    assert staff.employees["2"].service_user


def test_what_is_missing_and_who_uses_a_level_is_told(site: Database) -> None:
    names = ["addresses/1", "addresses/3", "addresses/1/contactPersons/p", "addresses/2/contactPersons/p", "boats/1"]
    with site.unit() as unit:
        assert facts.missing(unit, names) == {"addresses/3", "addresses/2/contactPersons/p", "boats/1"}
        assert facts.level_user(unit, 1) == "systems/A/components/k"
        assert facts.level_user(unit, 3) == "contracts/V"
        assert facts.level_user(unit, 9) is None


def test_a_mail_address_is_found_whatever_its_case_among_the_kinds_asked_for(site: Database) -> None:
    with site.reading() as unit:
        assert sorted(store.owners(unit, ["a@x.example"], ())["a@x.example"], key=lambda one: one.address) == [
            Owner("1"), Owner("2"),
        ]  # fmt: skip
        assert store.owners(unit, ["a@x.example", "p@x.example"], ["customer"]) == {
            "a@x.example": [Owner("1")],
            "p@x.example": [Owner("1", "p")],
        }


def test_a_second_time_nothing_is_written(site: Database, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=1))
    assert put(site, build.address("2", kind="supplier", mail_addresses=["a@X.example"])) == [3]
    assert put(site, build.address("2", mail_addresses=["b@x.example"])) == [2]
    with site.reading() as unit:
        row = store.get(unit, FAMILIES["address"], ("2",))
        assert (row["revision"], row["update_time"]) == (2, clock.now())
        assert store.owners(unit, ["a@x.example"], ()) == {"a@x.example": [Owner("1")]}


def test_a_record_is_in_use_by_rows_of_any_room(site: Database) -> None:
    with site.unit() as unit:
        row = messages.row_of(contacts_pb2.Contact(address="addresses/2", activity_type="note"), unit.now, "users/x")
        numbers = contacts.add(unit, [row, {**row, "address": "1", "contact_person": "p"}])
    families = FAMILIES
    with site.unit() as unit:
        assert store.referrer(unit, families["address"], ("2",)) == f"contacts/{numbers[0]}"
        assert store.referrer(unit, families["contact_person"], ("1", "p")) == f"contacts/{numbers[1]}"
        assert store.referrer(unit, families["employee"], ("1",)) in ("employees/2", "teams/t")
        assert store.referrer(unit, families["component"], ("A", "k")) is None
        store.remove(unit, families["component"], ("A", "k"))
        assert store.get(unit, families["component"], ("A", "k")) is None


def test_contacts_are_paged_by_instant_and_id(site: Database) -> None:
    with site.unit() as unit:
        row = messages.row_of(contacts_pb2.Contact(address="addresses/1", activity_type="note"), unit.now, "users/x")
        rows = [{**row, "happened_time": unit.now + timedelta(microseconds=n // 2)} for n in range(7)]
        assert contacts.add(unit, rows) == [1, 2, 3, 4, 5, 6, 7]
        assert contacts.add(unit, []) == []
    seen, after = [], None
    with site.reading() as unit:
        for _ in range(3):
            page = contacts.page(unit, {"address": "1"}, after, 3)
            seen += [one["id"] for one in page]
            after = (page[-1]["happened_time"], page[-1]["id"])
    assert seen == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("rounds", [8])
async def test_batches_side_by_side_leave_one_record_per_number(site: Database, rounds: Any) -> None:
    def work(unit: UnitOfWork, number: int) -> directory_pb2.BatchUpsertRecordsResponse:
        request = build.upsert(
            build.address("77", notes=str(number), mail_addresses=[f"m{number}@x.example"]), build.system("S77", "77")
        )
        return upsert(unit, request, lambda *_: set())

    answers = await asyncio.gather(*(site.run(work, number) for number in range(rounds)))
    assert all(one.HasField("record") for answer in answers for one in answer.results)
    with site.reading() as unit:
        row = store.get(unit, FAMILIES["address"], ("77",))
        assert row["mail_addresses"] == [f"m{row['notes']}@x.example"]


def test_the_rooms_tables_are_in_the_schema() -> None:
    assert {"address", "contact", "mail_identity", "request_log"} <= server_es.contacts.store.METADATA.tables.keys()
