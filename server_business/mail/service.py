"""The servicer of the mail reception."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from esoffice.business.v1 import mail_pb2 as pb
from esoffice.business.v1 import mail_pb2_grpc as grpc_
from sqlalchemy import ColumnElement

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, NotFound
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.tokens import Kind
from server_business.mail import listing, store
from server_business.mail.accounts import Account
from server_business.mail.budget import Budget
from server_business.mail.by_hand import ByHand
from server_business.mail.messages import (
    OPEN_REASONS,
    account_message,
    decision_message,
    mail_message,
    signature_message,
    suggestion_message,
)
from server_business.mail.parsing import parse
from server_business.mail.problems import UnreadableMail
from server_business.mail.reconciling import reconcile
from server_business.mail.rules import ContactOnCall, CreateContact, CreateServicecall, OpenMail, Reason
from server_business.mail.sender import Mailbox
from server_business.mail.signatures import SIGNATURES, Authorities, signatures
from server_business.mail.source import MailIdentity, RawMail
from server_business.mail.store import Row
from server_business.mail.suggestions import hints, suggest
from server_business.mail.tables import MAIL, State
from server_business.mail.trying import Trial

_CHUNK: Final = 256 * 1024
_MAIL: Final = NamePattern("mails/{id}", numeric=True)
_ATTACHMENT: Final = NamePattern("mails/{id}/attachments/{n}", numeric=True)
_ACCOUNT: Final = "mailAccounts/"
_C = MAIL.c


class MailServicer(grpc_.MailServiceServicer):
    """Shows mails and lets a person decide on the open ones.

    Args:
        database: of server_business.
        accounts: the active accounts by name, as the settings are now.
        by_hand: does what a person decides.
        account_of: as `ByHand` has it.
        authorities: whose S/MIME certificates are trusted.
        country: whose dialling rules count for phone numbers in mails.
        sign_in: lets a person sign in for an account.
    """

    def __init__(
        self,
        database: Database,
        accounts: Callable[[], Mapping[str, Account]],
        by_hand: ByHand,
        account_of: Callable[[str], Account],
        *,
        authorities: Authorities | None = None,
        country: str = "DE",
        sign_in: Callable[[str], AsyncIterator[pb.SignInProgress]] | None = None,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._by_hand = by_hand
        self._account_of = account_of
        self._authorities = authorities or Authorities("")
        self._country = country
        self._sign_in = sign_in

    async def ListMails(self, request: pb.ListMailsRequest, _context: Any) -> pb.ListMailsResponse:
        return await self._database.read(_list, request)

    async def GetMail(self, request: pb.GetMailRequest, _context: Any) -> pb.Mail:
        return await self._database.read(self._get, _number(request.name))

    async def GetRawMail(self, request: pb.GetRawMailRequest, _context: Any) -> AsyncIterator[pb.MailChunk]:
        raw = await self._database.read(listing.raw, _number(request.name))
        for chunk in _chunks(raw):
            yield chunk

    async def GetMailAttachment(
        self, request: pb.GetMailAttachmentRequest, _context: Any
    ) -> AsyncIterator[pb.MailChunk]:
        content = await self._database.read(self._attachment, request.name)
        for chunk in _chunks(content):
            yield chunk

    async def ListMailAccounts(self, request: pb.ListMailAccountsRequest, _context: Any) -> pb.ListMailAccountsResponse:
        return await self._database.read(self._list_accounts, request)

    async def AdoptMail(self, request: pb.AdoptMailRequest, _context: Any) -> pb.Mail:
        made = CreateContact if request.contact_only else CreateServicecall
        return await self._decided(request, made(address=request.address))

    async def AssignMail(self, request: pb.AssignMailRequest, _context: Any) -> pb.Mail:
        number = int(request.servicecall.rpartition("/")[2])
        return await self._decided(request, ContactOnCall(call=number, addendum=False, reopen=False, answerable=False))

    async def DismissMail(self, request: pb.DismissMailRequest, _context: Any) -> pb.Mail:
        number = _number(request.name)
        await asyncio.to_thread(self._by_hand.dismiss, number, request.reason, by=_who())
        return await self._database.read(self._get, number)

    async def ReprocessMail(self, request: pb.ReprocessMailRequest, _context: Any) -> pb.Mail:
        number = _number(request.name)
        await asyncio.to_thread(self._by_hand.reprocess, number)
        return await self._database.read(self._get, number)

    async def CheckMail(self, request: pb.CheckMailRequest, _context: Any) -> pb.CheckMailResponse:
        return await asyncio.to_thread(self._check, request)

    async def TryMailRules(
        self, request: pb.TryMailRulesRequest, _context: Any
    ) -> AsyncIterator[pb.TryMailRulesProgress]:
        account = self._active(request.account)
        steps = Trial.of(self._database, self._by_hand, account, request.settings).steps(request.limit)
        while (step := await asyncio.to_thread(next, steps, None)) is not None:
            yield step

    async def SignIn(self, request: pb.SignInRequest, _context: Any) -> AsyncIterator[pb.SignInProgress]:
        if self._sign_in is None:
            raise FailedPrecondition("Nobody can sign in here.")
        async for step in self._sign_in(request.account):
            yield step

    async def ReconcileMailAccount(
        self, request: pb.ReconcileMailAccountRequest, _context: Any
    ) -> pb.MailReconciliation:
        return await asyncio.to_thread(reconcile, self._database, self._active(request.name))

    async def SuggestAddresses(self, request: pb.SuggestAddressesRequest, _context: Any) -> pb.SuggestAddressesResponse:
        return await asyncio.to_thread(self._suggest, _number(request.name))

    def _suggest(self, number: int) -> pb.SuggestAddressesResponse:
        with self._database.reading() as unit:
            row = listing.mail(unit, number)
        offered = hints(row["sender"], row["subject"], row["text"], self._country)
        found = suggest(offered, self._by_hand.found(offered))
        return pb.SuggestAddressesResponse(suggestions=[suggestion_message(one) for one in found])

    def _active(self, name: str) -> Account:
        account = self._accounts().get(name.removeprefix(_ACCOUNT))
        if account is None:
            raise NotFound(f"{name} is no active account", resource=name)
        return account

    async def _decided(
        self,
        request: pb.AdoptMailRequest | pb.AssignMailRequest,
        decision: CreateContact | CreateServicecall | ContactOnCall,
    ) -> pb.Mail:
        number = _number(request.name)
        await asyncio.to_thread(self._by_hand.act, number, decision, by=_who(), request_id=request.request_id)
        return await self._database.read(self._get, number)

    def _get(self, unit: UnitOfWork, number: int) -> pb.Mail:
        row, attached = listing.mail(unit, number), store.attachments(unit, [number]).get(number, [])
        made = mail_message(row, attached)
        if any(one["content_type"] in SIGNATURES for one in attached):
            sender = made.from_address or made.sender
            found = signatures(self._raw(unit, row), sender, row["receive_time"], self._authorities)
            made.signatures.extend(signature_message(one) for one in found)
        return made

    def _attachment(self, unit: UnitOfWork, name: str) -> bytes:
        id_, number = (int(one) for one in _ATTACHMENT.parse(name))
        known = listing.attachment(unit, id_, number)
        row = listing.mail(unit, id_)
        limit = Budget(size=max(row["size"], 1))
        try:
            found = parse(self._raw(unit, row), limit).attachments
        except UnreadableMail as error:
            raise NotFound(f"{name} cannot be read any more: {error.message}", resource=name) from error
        content = next((one.content for one in found if one.sha256 == known["sha256"]), None)
        if content is None:
            raise NotFound(f"{name} cannot be read any more", resource=name)
        return content

    def _raw(self, unit: UnitOfWork, row: Row) -> bytes:
        """Return a mail as it can be read: opened, if it came encrypted."""
        raw = listing.raw(unit, row["id"])
        decryption = self._account_of(row["account"]).policy.decryption
        return (decryption and decryption.opened(raw)) or raw

    def _list_accounts(self, unit: UnitOfWork, request: pb.ListMailAccountsRequest) -> pb.ListMailAccountsResponse:
        page = page_of(request)
        active = self._accounts()
        states = listing.account_states(unit)
        after = str(page.after[0]) if page.after else ""
        names = [name for name in sorted({*active, *states}) if name > after][: page.size + 1]
        shown = names[: page.size]
        return pb.ListMailAccountsResponse(
            mail_accounts=[
                account_message(
                    name,
                    active[name].location if name in active else "",
                    states.get(name),
                    listing.counts(unit, name),
                    unit.now,
                )
                for name in shown
            ],
            next_page_token=page.token_after((shown[-1],)) if len(names) > page.size else "",
        )

    def _check(self, request: pb.CheckMailRequest) -> pb.CheckMailResponse:
        account = self._active(request.account)
        if request.WhichOneof("mail") == "raw":
            now = self._database.clock.now()
            identity = MailIdentity(account=account.name, folder=account.folder, uidvalidity=0, uid="check")
            raw = RawMail(identity=identity, received=now, content=request.raw, complete=True)
            row: Row = self._by_hand.tried(raw, account)
        else:
            with self._database.reading() as unit:
                stored = listing.mail(unit, _number(request.name))
                row = {**self._by_hand.taken_apart(unit, stored, account).row, "id": stored["id"]}
        signals = [f"{header}: {value}" for _, header, value in row["signals"]]
        if row["state"] == State.OPEN:
            answer = decision_message(OpenMail(reason=Reason(row["open_reason"]), detail=row["open_detail"]))
        else:
            answer = decision_message(self._by_hand.check([row], account)[0].decision)
        answer.automatic_signals.extend(signals)
        return answer


def _list(unit: UnitOfWork, request: pb.ListMailsRequest) -> pb.ListMailsResponse:
    page = page_of(request)
    before = int(page.after[0]) if page.after else None
    rows = listing.page(unit, _conditions(request), before, page.size + 1)
    return pb.ListMailsResponse(
        mails=[mail_message(row, full=False) for row in rows[: page.size]], next_page_token=page.token(rows, ("id",))
    )


def _conditions(request: pb.ListMailsRequest) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if request.account:
        conditions.append(_C.account == request.account.removeprefix(_ACCOUNT))
    if request.states:
        conditions.append(_C.state.in_(request.states))
    if request.open_reasons:
        stored = [reason.value for reason, said in OPEN_REASONS.items() if said in request.open_reasons]
        conditions += [_C.open_reason.in_(stored), _C.state == State.OPEN]
    if request.sender:
        conditions.append(_C.sender_key == Mailbox(request.sender).key)
    if request.servicecall:
        conditions.append(_C.servicecall == request.servicecall)
    return conditions


def _number(name: str) -> int:
    return int(_MAIL.parse(name)[0])


def _who() -> str:
    who = caller()
    return f"{'services' if who.kind is Kind.SERVICE else 'users'}/{who.name}"


def _chunks(content: bytes) -> list[pb.MailChunk]:
    return [pb.MailChunk(data=content[at : at + _CHUNK]) for at in range(0, len(content), _CHUNK)]
