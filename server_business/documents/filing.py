"""What was said in short messages and mails, made a document of its case (Ablage)."""

import re
from typing import Any, Final

from esoffice.business.v1 import documents_pb2 as pb

from mesh.database import UnitOfWork
from mesh.errors import PermissionDenied
from mesh.tokens import Caller
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.store import SendQueue
from server_business.sms.tables import SMS

_KIND: Final = "message"
_CASE: Final = re.compile(r"[a-z][A-Za-z]{0,39}/[A-Za-z0-9-]{1,40}")
_QUEUES: Final[dict[str, tuple[SendQueue, str]]] = {
    "sms": (SMS, "sms.read"),
    "outgoingMails": (MAILS, "outgoingmail.read"),
}


def creation(unit: UnitOfWork, request: pb.FileMessageRequest, who: Caller) -> pb.CreateDocumentRequest:
    """Return the document a message becomes, at the cases named or else the one it is about.

    Raises:
        PermissionDenied: the caller may not read it.
        NotFound: there is no such message.
    """
    collection, _, id_ = request.message.partition("/")
    queue, permission = _QUEUES[collection]
    if not who.may(permission):
        raise PermissionDenied(f"{who.name} lacks the permission {permission}", permission=permission)
    row = queue.get(unit, int(id_))
    title = row.subject if collection == "outgoingMails" else f"SMS an {row.to}"
    places = list(request.places)
    if not places and _CASE.fullmatch(row.about):
        places = [pb.DocumentPlace(business_case=row.about)]
    return pb.CreateDocumentRequest(
        document=pb.Document(title=title[:255] or request.message, kind=_KIND),
        content=pb.DocumentContent(
            data=_text(row).encode(),
            file_name=f"{collection}-{id_}.txt",
            mime_type="text/plain",
            origin=request.message,
        ),
        places=places,
    )


def _text(row: Any) -> str:
    to = row.to if isinstance(row.to, str) else ", ".join((*row.to, *row.cc))
    head = {"To": to, "Date": row.create_time.isoformat(), "Subject": getattr(row, "subject", "")}
    return "".join(f"{name}: {value}\n" for name, value in head.items() if value) + f"\n{row.text}\n"
