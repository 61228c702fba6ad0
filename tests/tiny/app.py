"""Puts the tiny service together; run by `python -m mesh.supervisor`'s `main("tests.tiny.app:definition")`."""

from datetime import timedelta
from pathlib import Path

from esoffice.config.v1 import settings_pb2

from mesh.app import App, Definition
from mesh.audit import AuditOutbox
from mesh.columns import new_metadata
from mesh.errors import InvalidArgument, Violation
from mesh.workers import Turn, Worker
from tests.tiny import contract
from tests.tiny.room import EchoServicer, NoteStore

metadata = new_metadata()
notes = NoteStore(metadata)
outbox = AuditOutbox(metadata)


def build(app: App) -> None:
    """Add the rooms."""
    servicer = EchoServicer(app.database, notes)
    app.serve(contract.DESCRIPTOR, servicer)

    def take(settings: settings_pb2.Settings) -> None:
        if settings.server_es.servicecalls.reopen_within_days == 13:
            raise InvalidArgument([Violation("server_es.servicecalls.reopen_within_days", "13 brings bad luck")])
        servicer.reopen = settings.server_es.servicecalls.reopen_solved

    app.live(take)

    def tick(_: Turn) -> None:
        """Do nothing: a worker is there to be seen in the fleet's list."""

    app.work(Worker(name="tiny.tick", work=tick, every=timedelta(seconds=1)))


definition = Definition(
    name="server_es",
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    outbox=outbox,
    build=build,
    allows={"config_service": ["notes.write"]},
)
