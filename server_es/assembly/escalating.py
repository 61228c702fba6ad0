"""Puts the escalations together."""

from esoffice.config.v1 import settings_pb2
from esoffice.es.v1 import escalations_pb2

from mesh.app import App
from mesh.workers import Worker
from server_es.escalations import following, retiming
from server_es.escalations.engine import Engine
from server_es.escalations.entries import PlanEntries
from server_es.escalations.outlook import Outlook
from server_es.escalations.retiming import Retiming
from server_es.escalations.service import Escalations
from server_es.escalations.verbs import Verbs
from server_es.escalations.worker import LONGEST, Retimer, Timekeeper
from server_es.messages.actions import Actions


def add_escalations(app: App, engine: Engine, retiming_: Retiming, actions: Actions) -> None:
    settings = engine.settings

    def take(chosen: settings_pb2.Settings) -> None:
        said = chosen.server_es.escalations
        settings.fallback_employee, settings.fallback_team = said.fallback_employee, said.fallback_team
        settings.late_per_minute = said.late_per_minute

    app.live(take)
    service = Escalations(
        app.database,
        entries=PlanEntries(engine.sites, retiming_, engine.reach.existing_rosters, engine.teller.channels),
        verbs=Verbs(engine),
        outlook=Outlook(engine),
        teller=engine.teller,
    )
    service.offer(actions)
    app.serve(escalations_pb2.DESCRIPTOR, service)
    timekeeper, retimer = Timekeeper(app.database, engine, settings), Retimer(app.database, retiming_)
    app.work(
        Worker(name="escalations.due", work=timekeeper.turn, every=LONGEST, bell=app.bell(following.BELL)),
        Worker(name="escalations.retime", work=retimer.turn, every=LONGEST, bell=app.bell(retiming.BELL)),
    )
