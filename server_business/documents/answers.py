"""Documents as answers to requests with a `request_id`: a repeat is answered by the document as it is now.

Only its name is remembered: who erases a document must not leave its title in what was answered.
"""

from collections.abc import Callable

from esoffice.business.v1 import documents_pb2 as pb
from google.protobuf.message import Message

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import NotFound
from server_business.documents import store
from server_business.documents.messages import document_id
from server_business.documents.writing import Writing
from server_business.schema import REQUESTS


class Answers:
    """Remembers and recalls.

    Args:
        database: of server_business.
        writing: shows documents.
    """

    def __init__(self, database: Database, writing: Writing) -> None:
        self._database = database
        self._writing = writing

    async def once(
        self, request: Message, respond: Callable[[UnitOfWork], pb.Document], *, duplicates: bool = False
    ) -> pb.Document:
        """Answer a request once; a repeat has no second effect."""
        who = caller().name

        def run(unit: UnitOfWork) -> pb.Document:
            made: list[pb.Document] = []

            def answered() -> pb.Document:
                made.append(respond(unit))
                return named(made[0])

            said = REQUESTS.once(unit, request, answered, answer=pb.Document, caller=who)
            return made[0] if made else self.recalled(unit, said, duplicates=duplicates)

        return await self._database.run(run)

    async def repeated(self, request: Message, refusal: NotFound) -> pb.Document:
        """Answer again what has used its upload up; otherwise raise why there is none."""
        who = caller().name

        def answered(unit: UnitOfWork) -> pb.Document | None:
            said = REQUESTS.answered(unit, request, answer=pb.Document, caller=who)
            return None if said is None else self.recalled(unit, said)

        again = await self._database.read(answered)
        if again is None:
            raise refusal
        return again

    def recalled(self, unit: UnitOfWork, said: pb.Document, *, duplicates: bool = False) -> pb.Document:
        """Return a document that was answered before; nothing but its name when it was erased meanwhile."""
        try:
            row = store.get(unit, document_id(said.name))
        except NotFound:
            return said
        return self._writing.shown(unit, [row], duplicates=duplicates)[0]


def named(document: pb.Document) -> pb.Document:
    """Return what is remembered of an answer."""
    return pb.Document(name=document.name)
