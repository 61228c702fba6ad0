"""The decision on an absence inside its popup."""

import pytest
from esoffice.es.v1 import absences_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.etags import StaleEtag
from server_es.inboxes import INBOXES
from tests.builders.absences import EVA, LEA, TOM, Absentees, absence, open_absences
from tests.contract.conftest import Serve, person


@pytest.fixture
async def here(serve: Serve) -> Absentees:
    return await open_absences(serve)


async def test_a_popup_carries_the_decision_and_refuses_when_the_request_has_changed(here: Absentees) -> None:
    actions = here.actions
    asked = await here.request()
    with here.office.served.database.reading() as unit:
        old = INBOXES.page(unit, LEA, limit=1)[0]
    changed = pb.UpdateAbsenceRequest(
        absence=absence(days="2026-03-09 2026-03-12"), update_mask=FieldMask(paths=["end_date"])
    )
    changed.absence.name, changed.absence.etag = asked.name, asked.etag
    await here.by(EVA).UpdateAbsence(changed)
    lea, tom = (person("absences.request", name=f"user{one}", employee=one) for one in (LEA, TOM))
    with pytest.raises(StaleEtag), here.office.served.database.unit() as unit:
        actions.act(unit, old, "absences.approve", text="", who=lea)
    said = []
    for who in (lea, tom):
        with here.office.served.database.unit() as unit:
            told = INBOXES.page(unit, who.employee, limit=1, newest_first=True)[0]
            said.append(actions.act(unit, told, "absences.approve", text="gern", who=who))
    assert said == ["Genehmigt; andere entscheiden noch.", "Genehmigt."]
    assert len(await here.termine()) == 1
    refused_one = await here.request(days="2026-04-13 2026-04-14")
    with here.office.served.database.unit() as unit:
        told = INBOXES.page(unit, LEA, limit=1, newest_first=True)[0]
        assert actions.act(unit, told, "absences.reject", text="Messe", who=lea) == "Abgelehnt."
    found = await here.by(EVA).GetAbsence(pb.GetAbsenceRequest(name=refused_one.name))
    assert found.state == pb.ABSENCE_STATE_REJECTED
