"""Which addresses something in a mail points to (FindAddresses)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from esoffice.es.v1 import directory_pb2 as pb

from mesh.database import UnitOfWork
from server_es.directory import names, store
from server_es.directory.senders import normalised

MOST: Final = 20
"""What points to more addresses says nothing."""

Found = tuple[str, str, str]


def find(unit: UnitOfWork, request: pb.FindAddressesRequest) -> pb.FindAddressesResponse:
    """Look for everything at once: a query each for domains, phone numbers, numbers and serial numbers of systems."""
    domains = {key.rpartition("@")[2]: one for one in request.domains if (key := normalised(f"x@{one}"))}
    words = {spelling: one for one in request.systems for spelling in (one.upper(), one)}
    by_domain = _telling(store.of_domains(unit, domains) if domains else [])
    by_phone = _telling(store.of_phones(unit, set(request.phones)) if request.phones else [])
    by_word = _telling(store.of_systems(unit, words) if words else [])
    titles = store.matchcodes(unit, {address for _, address, _ in (*by_domain, *by_phone, *by_word)})
    hits = [
        *(pb.AddressHit(domain=domains[key], owner=_person(address, who)) for key, address, who in by_domain),
        *(pb.AddressHit(phone=key, owner=_person(address, who)) for key, address, who in by_phone),
        *(pb.AddressHit(system=words[key], owner=names.SYSTEM.build(system)) for key, _, system in by_word),
    ]
    for hit, (_, address, _) in zip(hits, (*by_domain, *by_phone, *by_word), strict=True):
        hit.address, hit.matchcode = names.ADDRESS.build(address), titles[address]
    return pb.FindAddressesResponse(hits=hits)


def _telling(found: Iterable[Found]) -> list[Found]:
    """Leave out what points to too many."""
    addresses: dict[str, set[str]] = defaultdict(set)
    every = sorted(set(found))
    for key, address, _ in every:
        addresses[key].add(address)
    return [one for one in every if len(addresses[one[0]]) <= MOST]


def _person(address: str, person: str) -> str:
    return names.CONTACT_PERSON.build(address, person) if person else names.ADDRESS.build(address)
