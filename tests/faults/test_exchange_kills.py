"""Wherever the sync is killed: every item is on both sides once, with the last that was said of it."""

import threading
import time
from pathlib import Path

import pytest

from server_business.exchange import store
from tests.builders import kills
from tests.builders.exchange import House, Office, exchange_house
from tests.builders.graph_server import GraphServer
from tests.servers import exchange_worker
from tests.servers.nursery import Child, Nursery

# The transactions of a round: what both sides tell, what is intended, what came of it; killed before and after each.
PLACES = [f"database.{place}:{hit}" for place in ("commit", "committed") for hit in range(1, 8)]
EWS, GRAPH = kills.places(PLACES, 0.05), kills.places(PLACES[2::5], 0.05)
pytestmark = pytest.mark.timeout(max(180, len(EWS) * 8))


@pytest.mark.parametrize(("protocol", "places"), [("ews", EWS), ("graph", GRAPH)])
def test_a_sync_killed_anywhere_doubles_nothing_and_loses_nothing(
    tmp_path: Path, protocol: str, places: list[str]
) -> None:
    with (
        exchange_worker.opened(tmp_path) as database,
        exchange_house(tmp_path, protocol) as house,
        Nursery(tmp_path) as nursery,
    ):
        office = house.office(database)
        met = edits = 0
        for number, armed in enumerate(places):
            office.make(f"ERP {number}", number)
            office.exchange.appointment(f"Exchange {number}")
            if number > 1:
                office.rename(f"ERP {number - 2}", f"ERP {number - 2} neu")
                there = office.items()[f"Exchange {number - 2}"]["id"]
                office.exchange.order("set", id=there, fields={"Location": f"Halle {number}"})
            edits += 4
            child = start(nursery, house, tmp_path, failpoint=armed)
            until = time.monotonic() + 8
            while not child.has_ended(0.05) and not is_settled(office) and time.monotonic() < until:
                pass
            met += child.has_ended(0.05)
            child.kill()
        start(nursery, house, tmp_path)
        until = time.monotonic() + 40
        while not is_settled(office):
            assert time.monotonic() < until, nursery.last_words()
            threading.Event().wait(0.2)
        last = len(places) - 1
        wanted = [f"ERP {number} neu" if number < last - 1 else f"ERP {number}" for number in range(last + 1)]
        wanted += [f"Exchange {number}" for number in range(last + 1)]
        assert office.titles() == (sorted(wanted), sorted(wanted))
        rooms = {one.title: one.location for one in office.appointments().values()}
        assert all(rooms[f"Exchange {number}"] == f"Halle {number + 2}" for number in range(last - 1))
    print(f"{met} kills, {edits} edits")
    assert met >= len(places) * 3 // 4


def start(nursery: Nursery, house: House, folder: Path, failpoint: str = "") -> Child:
    protocol = "graph" if isinstance(house.exchange, GraphServer) else "ews"
    arguments = (str(folder), str(folder / "certs"), str(house.services), protocol, str(house.exchange.port))
    return nursery.start("tests.servers.exchange_worker", *arguments, failpoint=failpoint)


def is_settled(office: Office) -> bool:
    """Both sides say the same, and nothing is to be done."""
    erp, exchange = office.titles()
    with office.database.reading() as unit:
        linked, due = store.counts(unit, office.mailbox.employee)
    same = {one["Subject"]: one.get("Location", "") for one in office.items().values()} == {
        title: one.location for title, one in office.appointments().items()
    }
    return erp == exchange and same and linked == len(erp) and not due
