"""Puts the web documents together."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial

from esoffice.config.v1 import es_settings_pb2, identity_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub
from esoffice.es.v1 import web_documents_pb2

from mesh.app import App
from mesh.key_set import KeySet
from mesh.keys import KeyKeeper
from mesh.threads import Threads
from mesh.tokens import Verifier
from mesh.workers import Turn, Worker
from server_es.notices.business import Business
from server_es.notices.post import Letter
from server_es.notices.rules import Channel
from server_es.web_documents import page as web_page
from server_es.web_documents.admission import Admission
from server_es.web_documents.fetches import Fetches
from server_es.web_documents.gate import Gate
from server_es.web_documents.publishing import Publishing
from server_es.web_documents.reading import Reading
from server_es.web_documents.service import WebDocuments
from server_es.web_documents.serving import Serving
from server_es.web_documents.settings import settings_of, structure_of
from server_es.web_documents.shelf import Shelf
from server_es.web_documents.tickets import AUDIENCE, Signed, Tickets
from server_es.web_documents.worker import CodeSender, prune


async def add_web_documents(app: App, said: es_settings_pb2.WebDocumentSettings) -> None:
    settings = settings_of(said)
    verifier = Verifier(app.site, AUDIENCE, KeySet({}), app.clock)
    keys = KeyKeeper(verifier, app.upstream, app.data)
    keys.load()
    identity = IdentityServiceStub(app.channel("config_service"))

    async def sign(person: str, scopes: Sequence[str], lifetime: timedelta) -> Signed:
        request = identity_pb2.IssueTicketRequest(person=person, scopes=scopes)
        request.lifetime_duration.FromTimedelta(lifetime)
        made = await identity.IssueTicket(request)
        return Signed(made.ticket, made.ticket_id, made.expire_time.ToDatetime(UTC))

    business = Business(lambda: app.channel("server_business"), app.wait)

    def post(request_id: str, recipient: str, subject: str, text: str) -> None:
        letter = Letter(
            request_id=request_id, channel=Channel.MAIL, address=recipient, subject=subject, text=text, about="",
            expire_time=None,
        )  # fmt: skip
        business.mail(letter)

    async def renew(_: Turn) -> None:
        await keys.renew()

    disk = Threads(8, name="documents")
    app.on_close(disk.close)
    tickets = Tickets(app.database, verifier=verifier, sign=sign, clock=app.clock, lifetime=settings.ticket_lifetime)
    shelf = Shelf(structure_of(said)) if said.root else None
    asked = app.bell("web_documents.codes")
    app.serve(
        web_documents_pb2.DESCRIPTOR,
        WebDocuments(
            app.database,
            tickets=tickets,
            admission=Admission(settings),
            reading=Reading(shelf),
            disk=disk,
            asked=asked,
            publishing=Publishing(app.database, shelf, disk),
        ),
    )
    sender, fetches = CodeSender(app.database, post), Fetches(app.clock)
    app.work(
        Worker(name="web_documents.keys", work=renew, every=timedelta(seconds=30), limit=timedelta(seconds=20)),
        Worker(name="web_documents.codes", work=sender.send, every=timedelta(seconds=10), bell=asked),
        Worker(name="web_documents.prune", work=partial(prune, app.database), every=timedelta(hours=1)),
    )
    if shelf is not None:
        gate = Gate(
            app.database, shelf=shelf, tickets=tickets, fetches=fetches, disk=disk, clock=app.clock, page=web_page.app()
        )
        serving = Serving(gate, app.certificate, said.address, said.port)
        await serving.start()
        app.on_close(serving.stop)
        write = partial(fetches.write, app.database)
        app.work(Worker(name="web_documents.fetches", work=write, every=timedelta(seconds=1)))
