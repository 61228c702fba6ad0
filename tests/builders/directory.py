"""Records of the directory as the contract has them, right unless a test says otherwise."""

from typing import Any

from esoffice.es.v1 import directory_pb2 as pb


def address(number: str = "1001", **fields: Any) -> pb.Record:
    said = {"matchcode": f"Kunde {number}", "kind": "customer", "names": [f"Kunde {number} GmbH"], **fields}
    return pb.Record(address=pb.Address(name=f"addresses/{number}", **said))


def contact_person(address: str = "1001", id_: str = "1", **fields: Any) -> pb.Record:
    said = {"matchcode": f"Person {id_}", "family_name": f"Person{id_}", **fields}
    return pb.Record(contact_person=pb.ContactPerson(name=f"addresses/{address}/contactPersons/{id_}", **said))


def system(number: str = "A-1", address: str = "1001", **fields: Any) -> pb.Record:
    said = {"matchcode": f"Anlage {number}", "address": f"addresses/{address}", **fields}
    return pb.Record(system=pb.System(name=f"systems/{number}", **said))


def component(system: str = "A-1", id_: str = "1", **fields: Any) -> pb.Record:
    return pb.Record(
        component=pb.Component(name=f"systems/{system}/components/{id_}", **{"matchcode": f"Teil {id_}", **fields})
    )


def contract(number: str = "V-1", address: str = "1001", **fields: Any) -> pb.Record:
    said = {"matchcode": f"Vertrag {number}", "address": f"addresses/{address}", **fields}
    return pb.Record(contract=pb.Contract(name=f"contracts/{number}", **said))


def employee(number: str = "100", **fields: Any) -> pb.Record:
    said = {"matchcode": f"Mitarbeiter {number}", "family_name": f"Name{number}", **fields}
    return pb.Record(employee=pb.Employee(name=f"employees/{number}", **said))


def team(id_: str = "technik", *members: str, **fields: Any) -> pb.Record:
    said = {"matchcode": id_.title(), "members": [f"employees/{one}" for one in members], **fields}
    return pb.Record(team=pb.Team(name=f"teams/{id_}", **said))


def significance(id_: str = "a", **fields: Any) -> pb.Record:
    return pb.Record(significance=pb.Significance(name=f"significances/{id_}", **{"matchcode": id_.upper(), **fields}))


def upsert(*records: pb.Record, **fields: Any) -> pb.BatchUpsertRecordsRequest:
    return pb.BatchUpsertRecordsRequest(records=records, **fields)
