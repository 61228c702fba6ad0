"""The directory behind its real door."""

import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import directory_pb2 as pb
from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceStub
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from mesh.status import reason_of
from server_es.directory.service import Directory
from tests.builders import directory as build
from tests.contract.conftest import NOBODY, Serve, Served, person, refused

LEVELS = frozenset({1, 2, 3})


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve((pb.DESCRIPTOR, lambda database: Directory(database, lambda _, asked: LEVELS & set(asked))))


@pytest.fixture
def stub(served: Served) -> DirectoryServiceStub:
    return DirectoryServiceStub(served.channel)


def outcomes(answer: pb.BatchUpsertRecordsResponse) -> list[str]:
    return [
        pb.UpsertOutcome.Name(one.upsert_outcome).removeprefix("UPSERT_OUTCOME_")
        if one.HasField("record")
        else one.status.message
        for one in answer.results
    ]


def violations(status: status_pb2.Status) -> dict[str, str]:
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    return {one.field: one.description for one in bad.field_violations}


def metadata(status: status_pb2.Status) -> dict[str, str]:
    reason = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(reason)
    return dict(reason.metadata)


async def test_a_batch_makes_records_whatever_their_order(stub: Any) -> None:
    answer = await stub.BatchUpsertRecords(
        build.upsert(
            build.contract(system="systems/A-1", service_level="serviceLevels/3"),
            build.component(service_level="serviceLevels/1"),
            build.team("technik", "100", "101"),
            build.system(service_level="serviceLevels/2"),
            build.contact_person(mail_address="Eva@Kunde.example"),
            build.address(significance="significances/a", mail_addresses=["info@kunde.example"], phones=["040 1"]),
            build.employee("100", substitute="employees/101"),
            build.employee("101", substitute="employees/100"),
            build.significance(),
        )
    )
    assert outcomes(answer) == ["CREATED"] * 9
    assert all(getattr(one.record, one.record.WhichOneof("record")).etag for one in answer.results)
    employee = await stub.GetEmployee(pb.GetEmployeeRequest(name="employees/100"))
    assert (employee.substitute, list(employee.teams)) == ("employees/101", ["teams/technik"])
    component = await stub.GetComponent(pb.GetComponentRequest(name="systems/A-1/components/1"))
    assert component.service_level == "serviceLevels/1"
    assert (await stub.GetContract(pb.GetContractRequest(name="contracts/V-1"))).system == "systems/A-1"


async def test_what_was_written_is_read_field_by_field(stub: Any) -> None:
    record = build.address(
        names=["Müller & Söhne", "Abt. Ärger"],
        mail_addresses=["ä@müller.example"],
        phones=["+49 40 123", "040/9"],
        postal_address=pb.PostalAddress(street="Straße 1", postal_code="20095", city="Hamburg", country_code="DE"),
        notes="eins\nzwei",
    )
    await stub.BatchUpsertRecords(build.upsert(record))
    read = await stub.GetAddress(pb.GetAddressRequest(name="addresses/1001"))
    read.ClearField("etag")
    assert read == record.address
    absence = {
        "absence_start_time": datetime(2026, 3, 1, tzinfo=UTC),
        "absence_end_time": datetime(2026, 3, 9, tzinfo=UTC),
    }
    record = build.employee(given_name="Eva", mobile="+491701234567", absent=True, service_user=True, **absence)
    await stub.BatchUpsertRecords(build.upsert(record))
    read = await stub.GetEmployee(pb.GetEmployeeRequest(name="employees/100"))
    read.ClearField("etag")
    assert read == record.employee


async def test_a_repeat_changes_nothing_and_keeps_the_etag(stub: Any) -> None:
    first = await stub.BatchUpsertRecords(build.upsert(build.address()))
    again = await stub.BatchUpsertRecords(build.upsert(build.address()))
    assert outcomes(again) == ["UNCHANGED"]
    assert again.results[0].record == first.results[0].record
    other = await stub.BatchUpsertRecords(build.upsert(build.address(notes="neu")))
    assert outcomes(other) == ["UPDATED"]
    assert other.results[0].record.address.etag != first.results[0].record.address.etag


async def test_one_bad_record_spoils_no_other_and_says_everything_that_is_wrong(stub: Any) -> None:
    answer = await stub.BatchUpsertRecords(
        build.upsert(
            build.address("1"),
            build.address("2", matchcode="", kind="Kunde", mail_addresses=["ohne klammeraffe"]),
            pb.Record(),
            build.address("3", significance="significances/x"),
            build.system("A-1", "3", service_level="serviceLevels/9"),
            build.contract("V-1", "1"),
        )
    )
    assert [one.HasField("record") for one in answer.results] == [True, False, False, False, False, True]
    assert set(violations(answer.results[1].status)) == {
        "address.matchcode",
        "address.kind",
        "address.mail_addresses[0]",
    }
    assert violations(answer.results[4].status) == {
        "system.address": "addresses/3 does not exist",
        "system.service_level": "serviceLevels/9 does not exist",
    }
    assert answer.results[4].status.message == (
        "system.service_level: serviceLevels/9 does not exist; system.address: addresses/3 does not exist"
    )
    assert metadata(answer.results[4].status) == {"missing": "serviceLevels/9 addresses/3", "only": "missing"}
    assert [one.name for one in (await stub.ListAddresses(pb.ListAddressesRequest())).addresses] == ["addresses/1"]


async def test_employees_who_stand_in_for_a_refused_one_are_refused_with_it(stub: Any) -> None:
    answer = await stub.BatchUpsertRecords(
        build.upsert(
            build.employee("1", substitute="employees/2"),
            build.employee("2", substitute="employees/3"),
            build.employee("3", substitute="employees/9"),
            build.employee("4", substitute="employees/4"),
            build.employee("5", substitute="employees/6"),
            build.employee("6", etag="AAAA"),
            build.team("t", "1"),
        )
    )
    assert outcomes(answer) == [
        "employee.substitute: employees/2 does not exist",
        "employee.substitute: employees/3 does not exist",
        "employee.substitute: employees/9 does not exist",
        "employee.substitute: nobody stands in for himself; name another employee",
        "employee.substitute: employees/6 does not exist",
        "employees/6 was changed since it was read; read it again, then decide again.",
        "team.members: employees/1 does not exist",
    ]


async def test_a_name_stands_once_in_a_batch(stub: Any) -> None:
    answer = await stub.BatchUpsertRecords(build.upsert(build.address(), build.address(notes="zwei")))
    assert outcomes(answer) == ["CREATED", "address.name: addresses/1001 stands in this batch already, as records[0]"]


async def test_a_contract_belongs_to_its_systems_customer(stub: Any) -> None:
    answer = await stub.BatchUpsertRecords(
        build.upsert(
            build.address("1"),
            build.address("2"),
            build.system("A-1", "1"),
            build.contract("V-1", "2", system="systems/A-1"),
        )
    )
    assert outcomes(answer)[3] == "contract.system: systems/A-1 belongs to addresses/1, not to addresses/2"
    later = await stub.BatchUpsertRecords(build.upsert(build.contract("V-1", "2", system="systems/A-1")))
    assert outcomes(later) == ["contract.system: systems/A-1 belongs to addresses/1, not to addresses/2"]


async def test_checking_only_changes_nothing(stub: Any) -> None:
    answer = await stub.BatchUpsertRecords(build.upsert(build.address(), build.system(), validate_only=True))
    assert outcomes(answer) == ["CREATED", "CREATED"]
    assert (
        await refused(stub.GetAddress(pb.GetAddressRequest(name="addresses/1001")))
    ).code() == grpc.StatusCode.NOT_FOUND


async def test_a_stale_etag_is_refused_and_the_right_one_passes(stub: Any) -> None:
    made = (await stub.BatchUpsertRecords(build.upsert(build.address()))).results[0].record.address
    newer = (await stub.BatchUpsertRecords(build.upsert(build.address(notes="neu")))).results[0].record.address
    stale = await stub.BatchUpsertRecords(build.upsert(build.address(notes="meins", etag=made.etag)))
    assert reason_of(stale.results[0].status) == "STALE_ETAG"
    assert stale.results[0].status.code == grpc.StatusCode.ABORTED.value[0]
    passed = await stub.BatchUpsertRecords(build.upsert(build.address(notes="meins", etag=newer.etag)))
    assert outcomes(passed) == ["UPDATED"]
    error = await refused(stub.DeleteRecord(pb.DeleteRecordRequest(name="addresses/1001", etag=newer.etag)))
    assert error.code() == grpc.StatusCode.ABORTED


async def test_a_repeated_request_does_not_undo_what_came_after(stub: Any) -> None:
    request = build.upsert(build.address(notes="alt"), request_id=str(uuid.uuid4()))
    first = await stub.BatchUpsertRecords(request)
    await stub.BatchUpsertRecords(build.upsert(build.address(notes="neu")))
    assert await stub.BatchUpsertRecords(request) == first
    assert (await stub.GetAddress(pb.GetAddressRequest(name="addresses/1001"))).notes == "neu"


async def test_what_is_in_use_cannot_be_deleted_and_the_sentence_says_by_whom(stub: Any) -> None:
    await stub.BatchUpsertRecords(
        build.upsert(
            build.address(mail_addresses=["a@b.example"]),
            build.contact_person(),
            build.employee("1"),
            build.employee("2", substitute="employees/1"),
            build.team("t", "2"),
        )
    )  # fmt: skip
    for name, by in [
        ("addresses/1001", "addresses/1001/contactPersons/1"),
        ("employees/1", "employees/2"),
        ("employees/2", "teams/t"),
    ]:
        error = await refused(stub.DeleteRecord(pb.DeleteRecordRequest(name=name)))
        assert error.details() == f"{name} cannot be deleted: {by} refers to it"
        assert reason_of(rpc_status.from_call(error)) == "STILL_IN_USE"
    for name in ("addresses/1001/contactPersons/1", "addresses/1001", "teams/t", "employees/2", "employees/1"):
        await stub.DeleteRecord(pb.DeleteRecordRequest(name=name))
    assert (
        await refused(stub.DeleteRecord(pb.DeleteRecordRequest(name="teams/t")))
    ).code() == grpc.StatusCode.NOT_FOUND
    assert (
        await refused(stub.DeleteRecord(pb.DeleteRecordRequest(name="calls/7")))
    ).code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_senders_are_nobody_one_or_several(stub: Any) -> None:
    await stub.BatchUpsertRecords(
        build.upsert(
            build.address("1", mail_addresses=["info@eins.example", "Zentrale@Eins.example"]),
            build.contact_person(
                "1", "1", mail_address="eva@eins.example", other_mail_addresses=["privat@eva.example"]
            ),
            build.contact_person("1", "2", mail_address="INFO@eins.example"),
            build.address("2", mail_addresses=["geteilt@bau.example", "chef@müller-bau.example"]),
            build.contact_person("2", "1", mail_address="geteilt@bau.example"),
            build.contact_person("2", "2", mail_address="geteilt@bau.example"),
            build.address("3", kind="supplier", mail_addresses=["geteilt@bau.example"]),
        )
    )
    asked = [
        "EVA@Eins.example", "zentrale@eins.example", "info@eins.example", "privat@eva.example", "geteilt@bau.example",
        "Chef@xn--mller-bau-q9a.example", "chef@MÜLLER-BAU.example", "", "MAILER-DAEMON", "eva@eins.example",
    ]  # fmt: skip
    all_kinds = await stub.BatchIdentifySenders(pb.BatchIdentifySendersRequest(mail_addresses=asked))
    customers = await stub.BatchIdentifySenders(
        pb.BatchIdentifySendersRequest(mail_addresses=asked, kinds=["customer"])
    )
    assert [one.mail_address for one in all_kinds.senders] == asked
    assert [(one.address, one.contact_person) for one in customers.senders] == [
        ("addresses/1", "addresses/1/contactPersons/1"),
        ("addresses/1", ""),
        ("addresses/1", "addresses/1/contactPersons/2"),
        ("", ""),
        ("addresses/2", ""),
        ("addresses/2", ""),
        ("addresses/2", ""),
        ("", ""),
        ("", ""),
        ("addresses/1", "addresses/1/contactPersons/1"),
    ]
    several = all_kinds.senders[4]
    assert several.match == pb.SENDER_MATCH_SEVERAL
    assert list(several.candidates) == ["addresses/2", "addresses/3"]
    assert all_kinds.senders[3].match == pb.SENDER_MATCH_NONE


async def test_a_changed_mail_address_is_found_and_the_old_one_is_not(stub: Any) -> None:
    await stub.BatchUpsertRecords(
        build.upsert(build.address(mail_addresses=["alt@x.example"]), build.contact_person(mail_address="p@x.example"))
    )
    await stub.BatchUpsertRecords(build.upsert(build.address(mail_addresses=["neu@x.example"])))
    found = await stub.BatchIdentifySenders(
        pb.BatchIdentifySendersRequest(mail_addresses=["alt@x.example", "neu@x.example", "p@x.example"])
    )
    one, none = pb.SENDER_MATCH_ONE, pb.SENDER_MATCH_NONE
    assert [each.match for each in found.senders] == [none, one, one]
    await stub.DeleteRecord(pb.DeleteRecordRequest(name="addresses/1001/contactPersons/1"))
    found = await stub.BatchIdentifySenders(pb.BatchIdentifySendersRequest(mail_addresses=["p@x.example"]))
    assert found.senders[0].match == none


async def test_lists_narrow_by_customer_system_team_kind_mail_and_text(stub: Any) -> None:
    await stub.BatchUpsertRecords(
        build.upsert(
            build.significance("a"),
            build.address(
                "1", matchcode="Bäckerei 50%", significance="significances/a", mail_addresses=["b@b.example"]
            ),
            build.address("2", kind="private"),
            build.contact_person("1", "7", mail_address="Eva@b.example"), build.contact_person("2", "7"),
            build.system("A-1", "1"),
            build.system("A-2", "2"),
            build.component("A-1", "k"),
            build.component("A-2", "k"),
            build.contract("V-1", "1", system="systems/A-1"), build.contract("V-2", "1"), build.contract("V-3", "2"),
            build.employee("1", mail_address="Eins@x.example"),
            build.employee("2"),
            build.team("t", "1"),
            build.team("u", "2"),
        )
    )  # fmt: skip

    def names(page: Any) -> list[str]:
        return [one.name for one in next(iter(page.ListFields()))[1]] if page.ListFields() else []

    assert names(await stub.ListAddresses(pb.ListAddressesRequest(kinds=["private", "x"]))) == ["addresses/2"]
    assert names(await stub.ListAddresses(pb.ListAddressesRequest(query="BÄCK"))) == ["addresses/1"]
    assert names(await stub.ListAddresses(pb.ListAddressesRequest(query="50%"))) == ["addresses/1"]
    assert names(await stub.ListAddresses(pb.ListAddressesRequest(query="5_%"))) == []
    assert names(await stub.ListAddresses(pb.ListAddressesRequest(mail_address="B@b.example"))) == ["addresses/1"]
    assert names(await stub.ListAddresses(pb.ListAddressesRequest(mail_address="nobody"))) == []
    assert names(await stub.ListAddresses(pb.ListAddressesRequest(significance="significances/a"))) == ["addresses/1"]
    persons = pb.ListContactPersonsRequest
    assert names(await stub.ListContactPersons(persons(parent="addresses/2"))) == ["addresses/2/contactPersons/7"]
    assert len(names(await stub.ListContactPersons(persons(parent="addresses/-")))) == 2
    assert names(await stub.ListContactPersons(persons(parent="addresses/-", mail_address="EVA@b.example"))) == [
        "addresses/1/contactPersons/7"
    ]
    assert names(await stub.ListSystems(pb.ListSystemsRequest(address="addresses/2"))) == ["systems/A-2"]
    assert names(await stub.ListComponents(pb.ListComponentsRequest(parent="systems/A-1"))) == [
        "systems/A-1/components/k"
    ]
    assert names(await stub.ListContracts(pb.ListContractsRequest(address="addresses/1"))) == [
        "contracts/V-1",
        "contracts/V-2",
    ]
    assert names(await stub.ListContracts(pb.ListContractsRequest(system="systems/A-1"))) == ["contracts/V-1"]
    assert names(await stub.ListEmployees(pb.ListEmployeesRequest(team="teams/t"))) == ["employees/1"]
    assert names(await stub.ListEmployees(pb.ListEmployeesRequest(mail_address="eins@x.example"))) == ["employees/1"]
    assert names(await stub.ListEmployees(pb.ListEmployeesRequest(mail_address="nobody"))) == []
    assert names(await stub.ListTeams(pb.ListTeamsRequest(member="employees/2"))) == ["teams/u"]
    assert names(await stub.ListSignificances(pb.ListSignificancesRequest())) == ["significances/a"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_pages_show_every_record_once_even_while_others_come_and_go(stub: Any, size: Any) -> None:
    await stub.BatchUpsertRecords(
        build.upsert(build.address("5"), *(build.contact_person("5", f"{n:02}") for n in range(0, 20, 2)))
    )
    seen, token, rounds = [], "", 0
    while True:
        page = await stub.ListContactPersons(
            pb.ListContactPersonsRequest(parent="addresses/-", page_size=size, page_token=token)
        )
        seen += [one.name.rpartition("/")[2] for one in page.contact_persons]
        token, rounds = page.next_page_token, rounds + 1
        if not token:
            break
        if rounds == 1:  # one before the cursor, one after it
            await stub.BatchUpsertRecords(
                build.upsert(build.contact_person("5", "00a"), build.contact_person("5", "99"))
            )
    assert len(seen) == len(set(seen))
    assert {f"{n:02}" for n in range(0, 20, 2)} <= set(seen)
    assert ("99" in seen) == (rounds > 1)


async def test_a_page_token_belongs_to_its_conditions(stub: Any) -> None:
    await stub.BatchUpsertRecords(build.upsert(build.address("1"), build.address("2")))
    token = (await stub.ListAddresses(pb.ListAddressesRequest(page_size=1))).next_page_token
    for request in (
        pb.ListAddressesRequest(page_token=token, query="x"),
        pb.ListAddressesRequest(page_token=token[:-1]),
        pb.ListAddressesRequest(page_token="ü"),
    ):
        error = await refused(stub.ListAddresses(request))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "page_token" in error.details()
    assert (await stub.ListAddresses(pb.ListAddressesRequest(page_token=token, page_size=9))).addresses[
        0
    ].name == "addresses/2"


async def test_each_kind_is_got_by_name_and_missing_ones_are_not_found(stub: Any) -> None:
    records = [
        build.significance(), build.employee(), build.team("t", "100"), build.address(), build.contact_person(),
        build.system(), build.component(), build.contract(),
    ]  # fmt: skip
    made = await stub.BatchUpsertRecords(build.upsert(*records))
    for result in made.results:
        kind = result.record.WhichOneof("record")
        written = getattr(result.record, kind)
        method = "".join(word.title() for word in kind.split("_"))
        request = getattr(pb, f"Get{method}Request")
        read = await getattr(stub, f"Get{method}")(request(name=written.name))
        if kind == "employee":
            assert list(read.teams) == ["teams/t"]
            read.ClearField("teams")
        assert read == written
        error = await refused(getattr(stub, f"Get{method}")(request(name=written.name + "x")))
        assert error.details() == f"{written.name}x does not exist"


async def test_a_time_or_text_no_database_keeps_is_refused(stub: Any) -> None:
    broken = build.employee("1")
    broken.employee.absence_start_time.seconds = 2**60
    answer = await stub.BatchUpsertRecords(
        build.upsert(
            broken,
            build.address(notes="a\0b", names=["a\0"]),
            build.employee(
                "2",
                absence_start_time=datetime(2026, 1, 2, tzinfo=UTC),
                absence_end_time=datetime(2026, 1, 2, tzinfo=UTC),
            ),
        )
    )
    assert [set(violations(one.status)) for one in answer.results] == [
        {"employee.absence_start_time"}, {"address.notes", "address.names"}, {"employee.absence_end_time"},
    ]  # fmt: skip


async def test_reading_and_writing_need_their_permissions(served: Served, stub: Any) -> None:
    served.caller = person("directory.read")
    assert (
        await refused(stub.BatchUpsertRecords(build.upsert(build.address())))
    ).code() == grpc.StatusCode.PERMISSION_DENIED
    await stub.ListAddresses(pb.ListAddressesRequest())
    served.caller = NOBODY
    assert (await refused(stub.ListAddresses(pb.ListAddressesRequest()))).code() == grpc.StatusCode.UNAUTHENTICATED
    assert [call.code.name for call in served.calls] == ["PERMISSION_DENIED", "OK", "UNAUTHENTICATED"]


async def test_a_domain_a_phone_and_a_number_point_to_addresses(stub: Any) -> None:
    await stub.BatchUpsertRecords(
        build.upsert(
            build.address("1", mail_addresses=["a@kunde.example"], phones=["0201 / 123456-0", "+49 201 999"]),
            build.address("2", mail_addresses=["b@bücher.example"]),
            build.contact_person("2", "7", mail_address="c@kunde.example", phones=["0170 1234567"]),
            build.system("A-2001", "2", serial_number="SN77/4"),
            *(build.address(f"m{n}", mail_addresses=[f"{n}@viele.example"]) for n in range(21)),
        )
    )
    asked = pb.FindAddressesRequest(
        domains=["Kunde.example", "bücher.example", "viele.example", "niemand.example"],
        phones=["+492011234560", "+491701234567", "+49301"],
        systems=["a-2001", "SN77/4", "4711"],
    )
    found = (await stub.FindAddresses(asked)).hits
    assert {(one.domain or one.phone or one.system, one.address, one.owner) for one in found} == {
        ("Kunde.example", "addresses/1", "addresses/1"),
        ("Kunde.example", "addresses/2", "addresses/2/contactPersons/7"),
        ("bücher.example", "addresses/2", "addresses/2"),
        ("+492011234560", "addresses/1", "addresses/1"),
        ("+491701234567", "addresses/2", "addresses/2/contactPersons/7"),
        ("a-2001", "addresses/2", "systems/A-2001"),
        ("SN77/4", "addresses/2", "systems/A-2001"),
    }
    assert {one.matchcode for one in found} == {"Kunde 1", "Kunde 2"}
    await stub.BatchUpsertRecords(build.upsert(build.address("1")))
    left = (await stub.FindAddresses(pb.FindAddressesRequest(phones=["+492011234560"]))).hits
    assert list(left) == []
