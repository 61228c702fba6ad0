"""Access codes at work: asked for, tried, sent."""

import secrets
import uuid
from typing import Final

from esoffice.es.v1 import web_documents_pb2 as pb

from mesh.database import UnitOfWork
from mesh.errors import Exhausted, Unauthenticated
from server_es.directory.senders import normalised
from server_es.schema import REQUESTS
from server_es.web_documents import codes, store
from server_es.web_documents.codes import Kept
from server_es.web_documents.rules import Visitor
from server_es.web_documents.settings import WebDocumentSettings
from server_es.web_documents.tickets import MOST_SYSTEMS

_WRONG: Final = "The access code is wrong, used or too old; ask for another one."


class Admission:
    """Lets customers in by access codes.

    Args:
        settings: of the room.
    """

    def __init__(self, settings: WebDocumentSettings) -> None:
        self._settings = settings

    def ask(self, unit: UnitOfWork, request: pb.RequestAccessCodeRequest, place: str) -> pb.RequestAccessCodeResponse:
        """Keep a code to be sent, if there is somebody to send it to; the answer and the work are the same if not.

        Raises:
            Exhausted: too many were asked for from this place, whatever for.
        """
        if codes.too_many(store.asked(unit, unit.now - codes.WINDOW, place=place), codes.PER_PLACE, unit.now):
            raise Exhausted("Too many access codes were asked for from here; try again in an hour.")

        def respond() -> pb.RequestAccessCodeResponse:
            self._keep(unit, request, place)
            answer = pb.RequestAccessCodeResponse()
            answer.valid_duration.FromTimedelta(self._settings.code_lifetime)
            return answer

        return REQUESTS.once(unit, request, respond, answer=pb.RequestAccessCodeResponse, caller=f"web/{place}")

    def redeem(self, unit: UnitOfWork, request: pb.RedeemAccessCodeRequest) -> tuple[Visitor, str] | None:
        """Try a code; return who comes in and which code let them in, or None. A wrong one costs an attempt."""
        rows = store.open_codes(unit, request.system_number, normalised(request.mail_address))
        kept = [
            Kept(
                id=row.id, digest=row.digest, expire_time=row.expire_time, attempts_left=row.attempts_left,
                used=row.used_time is not None,
            )
            for row in rows
        ]  # fmt: skip
        tried = codes.attempt(kept, request.code, unit.now)
        if tried.charged:
            store.charge(unit, tried.charged)
        if tried.fits is None:
            return None
        row = next(row for row in rows if row.id == tried.fits)
        systems = store.systems_of(unit, row.address, row.system, MOST_SYSTEMS)
        return Visitor(person=row.mail_address, systems=frozenset(systems)), row.id

    def use(self, unit: UnitOfWork, id_: str) -> None:
        """Use a code up.

        Raises:
            Unauthenticated: somebody was faster.
        """
        if not store.use(unit, id_):
            raise wrong_code()

    def _keep(self, unit: UnitOfWork, request: pb.RequestAccessCodeRequest, place: str) -> None:
        mail_address = normalised(request.mail_address)
        address = store.customer_of(unit, request.system_number, mail_address)
        same = {"system": request.system_number, "mail_address": mail_address}
        often = codes.too_many(store.asked(unit, unit.now - codes.WINDOW, **same), codes.PER_MAIL_ADDRESS, unit.now)
        told = bool(address) and not often
        id_, code = str(uuid.uuid4()), codes.code(secrets.token_bytes(codes.LENGTH))
        store.add_code(
            unit, **same, id=id_, place=place, digest=codes.digest(id_, code), address=address,
            # A code nobody was told lets nobody in, whatever is tried.
            attempts_left=self._settings.code_attempts if told else 0,
            create_time=unit.now, expire_time=unit.now + self._settings.code_lifetime,
            recipient=request.mail_address.strip() if told else "", code=code if told else "",
        )  # fmt: skip


def wrong_code() -> Unauthenticated:
    return Unauthenticated(_WRONG)
