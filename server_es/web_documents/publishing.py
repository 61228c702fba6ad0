"""Released documents come into the folders of systems, and leave them when their release is taken back.

Who publishes counts every change of his mind (`revision`): what is late is refused, so that a document whose release
was taken back does not come back. A name is taken in one transaction and given to the file in the next, which looks
again.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from esoffice.es.v1 import web_documents_pb2 as pb
from sqlalchemy import RowMapping, insert, select, update

from mesh.call import about
from mesh.database import Database, UnitOfWork
from mesh.errors import AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, NotFound, Violation
from mesh.threads import Threads
from server_es.web_documents import placing, rules, store
from server_es.web_documents.placing import Incoming
from server_es.web_documents.rules import Place
from server_es.web_documents.shelf import Shelf
from server_es.web_documents.tables import publication

_P: Final = publication.c


class PublicationOutdated(Conflict):
    """Something later was said about this document and system."""

    reason = "PUBLICATION_OUTDATED"


class Publishing:
    """Publishes for one site.

    Args:
        database: of server_es.
        shelf: knows the structure; None: the site has no web documents.
        disk: threads that wait for it.
    """

    def __init__(self, database: Database, shelf: Shelf | None, disk: Threads) -> None:
        self._database = database
        self._shelf = shelf
        self._disk = disk

    async def publish(self, requests: AsyncIterator[pb.PublishDocumentRequest]) -> pb.PublishedDocument:
        """Take in a file and show it."""
        first = await anext(requests, None)
        if first is None or not first.document:
            raise InvalidArgument([Violation("document", "is required in the first message")])
        structure = self._known().structure
        folder = self._known().folder(first.folder)
        number = first.system.removeprefix("systems/")
        about(first.system)
        name = rules.composed(first.file_name)
        if not rules.is_released(name, structure.excluded):
            raise FailedPrecondition(f"A file called {name!r} is never shown on the web.", resource=first.document)
        row = await self._database.read(store.find_system, number)
        if row is None:
            raise NotFound(f"{first.system} does not exist.", resource=first.system)
        way = [rules.system_folder(structure.system_folder, number, row["matchcode"]), *folder.path]
        with await self._disk.run(Incoming, structure.root, way) as file:
            await self._disk.run(file.take, first.data)
            async for request in requests:
                await self._disk.run(file.take, request.data)
            await self._disk.run(file.finish, first.sha256)
            given = await self._database.run(self._named, first, way, name, file)
            await self._database.run(self._shown, first, given, file)
        return pb.PublishedDocument(uri=rules.uri(Place(number, folder.id, given)), file_name=given)

    async def withdraw(self, request: pb.WithdrawPublishedDocumentRequest) -> pb.WithdrawPublishedDocumentResponse:
        """Take a file away."""
        root = self._known().structure.root
        about(request.system)

        def take_away(unit: UnitOfWork) -> None:
            row = _current(unit, request)
            if row is not None and row["place"] is not None:
                placing.remove(root, row["way"], row["file_name"])
            _note(unit, request, row, way=[], file_name="", place=None, sha256="")

        await self._database.run(take_away)
        return pb.WithdrawPublishedDocumentResponse()

    def _named(
        self, unit: UnitOfWork, request: pb.PublishDocumentRequest, way: Sequence[str], name: str, file: Incoming
    ) -> str:
        """Note where a file will lie, and take away the one that lies elsewhere; return its name."""
        row = _current(unit, request)
        for one in (name, rules.beside(name, request.document)):
            place = rules.place_key(way, one)
            own = row is not None and row["place"] == place
            if own or not (file.is_taken(one) or _is_given(unit, place)):
                break
        else:
            raise AlreadyExists(f"The folder has a file {name!r} already.", resource=request.document)
        if row is not None and row["place"] is not None and not own:
            placing.remove(self._known().structure.root, row["way"], row["file_name"])
        _note(unit, request, row, way=list(way), file_name=one, place=place, sha256=request.sha256)
        return one

    def _shown(self, unit: UnitOfWork, request: pb.PublishDocumentRequest, name: str, file: Incoming) -> None:
        row = _current(unit, request)
        if row is None or row["revision"] != request.revision:
            raise _outdated(request)
        file.settle(name)

    def _known(self) -> Shelf:
        if self._shelf is None:
            raise FailedPrecondition("The site has no web documents (setting server_es.web_documents.root).")
        return self._shelf


def _current(unit: UnitOfWork, request: Any) -> RowMapping | None:
    """Return what was said last about a document and a system. Raises PublicationOutdated: that was later."""
    query = select(publication).where(_P.document == request.document, _P.system == request.system).with_for_update()
    row = unit.connection.execute(query).mappings().one_or_none()
    if row is not None and row["revision"] > request.revision:
        raise _outdated(request)
    return row


def _note(unit: UnitOfWork, request: Any, row: RowMapping | None, **values: Any) -> None:
    said = {"revision": request.revision, "update_time": unit.now, **values}
    if row is None:
        key = {"document": request.document, "system": request.system}
        unit.connection.execute(insert(publication).values(**key, **said))
    else:
        same = (_P.document == request.document, _P.system == request.system)
        unit.connection.execute(update(publication).where(*same).values(said))


def _is_given(unit: UnitOfWork, place: str) -> bool:
    return unit.connection.execute(select(_P.document).where(_P.place == place)).first() is not None


def _outdated(request: Any) -> PublicationOutdated:
    return PublicationOutdated(f"Something later was said about {request.document} at {request.system}.")
