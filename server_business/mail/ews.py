"""A mailbox of an Exchange server by Exchange Web Services, with exchangelib. Blocking; used by one thread."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests
from exchangelib import Folder, Message
from exchangelib import errors as ews_errors
from exchangelib.fields import FieldPath
from exchangelib.folders import FolderCollection
from exchangelib.items import Item
from exchangelib.properties import FolderId, ItemId
from exchangelib.protocol import Protocol
from exchangelib.services import CreateFolder
from oauthlib.oauth2 import OAuth2Error

from server_business.ews_access import Access
from server_business.ews_ears import ARRIVALS, Ear
from server_business.ews_services import Get, Move, StateLost, Sync, Update
from server_business.mail.source import FolderMissing, LoginRefused, NotFiled, SourceUnavailable
from server_business.mail.synced import HEAD_SIZE, Entry, Page, Respite, SyncStateLost, levels_of

_LISTED: Final = ("datetime_received", "size", "categories")
Protocol.TIMEOUT = 25  # seconds; longer, and whoever waits would lose the lease on his mailbox
_OF_ONE_ITEM: Final = (
    ews_errors.ErrorMimeContentConversionFailed,
    ews_errors.ErrorMimeContentInvalid,
    ews_errors.ErrorContentConversionFailed,
    ews_errors.ErrorCorruptData,
    ews_errors.ErrorItemCorrupt,
    ews_errors.ErrorMoveCopyFailed,
    ews_errors.ErrorItemSave,
)
"""What is the matter with one mail, and will be the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EwsAccount:
    """Where and as whom to sign in.

    Args:
        name: the account's name in our settings.
        mailbox: its mail address.
        access: the way to the server.
        impersonate: as the mailbox's owner: who signs in is the service itself.
        respite: how long the server asks to be left alone.
    """

    name: str
    mailbox: str
    access: Access = field(repr=False)
    impersonate: bool = False
    respite: Respite


class EwsMailbox:
    """A `synced.Mailbox`. An item that was moved has another id; under its old one it is not found."""

    def __init__(self, account: EwsAccount) -> None:
        self.account = account
        self._opened: Any = None
        self._folder: Any = None

    def open(self, folder: str) -> str:
        with self._translated():
            self._opened = self.account.access.account(
                self.account.mailbox, impersonate=self.account.impersonate, alone=True
            )
            found = self._path(folder, make=False)
        if found is None:
            raise FolderMissing(f"the account {self.account.name!r} has no folder {folder!r}")
        self._folder = found
        return str(found.id)

    def ear(self, folder: str, ring: Callable[[], object]) -> Ear:
        """Return what listens for new mails of a folder; nothing else is done with this mailbox then."""

        def opened() -> tuple[Any, Sequence[Any]]:
            id_ = self.open(folder)
            return self._opened, [FolderId(id_)]

        return Ear(mailbox=self.account.mailbox, open=opened, ring=ring, events=ARRIVALS)

    def changes(self, state: str) -> Page:
        with self._translated():
            service = Sync(account=self._opened)
            try:
                told = service.told(self._folder, state, _paths(_LISTED))
            except StateLost as error:
                raise SyncStateLost from error
            return Page(
                entries=[_entry(one) for change, one in told if change in (service.CREATE, service.UPDATE)],
                gone=[one.id for change, one in told if change == service.DELETE],
                state=service.sync_state,
                more=not service.includes_last_item_in_range,
            )

    def contents(self, entries: Sequence[Entry], size_limit: int) -> Iterator[tuple[Entry, bytes, bool]]:
        small = [one for one in entries if one.size <= size_limit]
        for entry, item in self._got(small, ("mime_content",)):
            content = bytes(item.mime_content or b"") if item is not None else b""
            complete = len(content) <= size_limit  # the size the server says is that of its own form of the mail
            yield entry, content if complete else content[: min(HEAD_SIZE, size_limit)], complete
        for entry, item in self._got([one for one in entries if one.size > size_limit], ("headers",)):
            # There is no way to ask for the beginning of a mail; its headers come without the rest.
            said = item.headers or () if item is not None else ()
            head = "".join(f"{one.name}: {one.value}\r\n" for one in said)
            yield entry, f"{head}\r\n".encode()[: min(HEAD_SIZE, size_limit)], False

    def move(self, ids: Sequence[str], folder: str) -> None:
        with self._translated():
            target = self._path(folder, make=True)
            answers = Move(account=self._opened).call(items=[ItemId(one, None) for one in ids], to_folder=target)
            self._require_filed(list(answers))

    def mark(self, entries: Sequence[Entry], name: str) -> None:
        with self._translated():
            changed = []
            for one in entries:
                item = Message(account=self._opened, folder=self._folder, _id=ItemId(one.id, None))
                item.is_read = True
                item.categories = sorted({*one.marks, name})
                changed.append((item, ("is_read", "categories")))
            answers = Update(account=self._opened).call(
                items=changed,
                conflict_resolution="AlwaysOverwrite",
                message_disposition="SaveOnly",
                send_meeting_invitations_or_cancellations="SendToNone",
                suppress_read_receipts=True,
            )
            self._require_filed(list(answers))

    def close(self) -> None:
        opened, self._opened, self._folder = self._opened, None, None
        if opened is not None:
            opened.protocol.close()

    def _path(self, folder: str, *, make: bool) -> Any:
        in_inbox, levels = levels_of(folder)
        here = self._opened.inbox if in_inbox else self._opened.msg_folder_root
        for level in levels:
            children = FolderCollection(account=self._opened, folders=[here]).find_folders(depth="Shallow")
            found = next((one for one in children if (one.name or "").casefold() == level.casefold()), None)
            if found is None and not make:
                return None
            here = found or self._made(here, level)
        return here

    def _made(self, parent: Any, name: str) -> Any:
        made = Folder(root=self._opened.root, name=name)
        told = CreateFolder(account=self._opened).get(parent_folder=FolderId(parent.id), folders=[made])
        made._id = FolderId(told.id, told.changekey)  # noqa: SLF001 - as its own `save` does, which wants to know all folders
        return made

    def _got(self, entries: Sequence[Entry], fields: Sequence[str]) -> Iterator[tuple[Entry, Any]]:
        """Ask for items; None for one that the server cannot give: it is taken in empty, and blocks nobody."""
        if not entries:
            return
        ids = [ItemId(one.id, None) for one in entries]
        with self._translated():
            found = list(Get(account=self._opened).call(items=ids, additional_fields=_paths(fields), shape="IdOnly"))
            for item in found:
                if not isinstance(item, _OF_ONE_ITEM):
                    _require(item)
        for entry, item in zip(entries, found, strict=True):
            if isinstance(item, _OF_ONE_ITEM):
                yield entry, None
            elif not isinstance(item, Exception):
                yield entry, item

    def _require_filed(self, answers: Sequence[Any]) -> None:
        """Raise if the server has let one mail or another lie; it has looked at all of them."""
        lying = [one for one in answers if isinstance(one, _OF_ONE_ITEM)]
        for answer in answers:
            if not isinstance(answer, _OF_ONE_ITEM):
                _require(answer)
        if lying:
            raise NotFiled(f"{len(lying)} mails of the account {self.account.name!r} cannot be filed: {lying[0]}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Say in our words what went wrong."""
        account = self.account
        try:
            yield
        except (ews_errors.ErrorServerBusy, ews_errors.RateLimitError) as error:
            pause = getattr(error, "back_off", None) or getattr(error, "wait", None)
            raise account.respite.ask(timedelta(seconds=pause) if pause else None) from error
        except (
            ews_errors.UnauthorizedError,
            ews_errors.ErrorAccessDenied,
            ews_errors.ErrorImpersonateUserDenied,
            ews_errors.ErrorNonExistentMailbox,
            OAuth2Error,
        ) as error:
            account.access.refused()
            raise LoginRefused(
                f"{account.access.place} does not let {account.access.user!r} into {account.mailbox} "
                f"for the account {account.name!r}"
            ) from error
        except (ews_errors.EWSError, requests.RequestException, OSError) as error:
            account.access.lost(account.mailbox)
            raise SourceUnavailable(f"{account.access.place} for the account {account.name!r}: {error}") from error


def _paths(names: Sequence[str]) -> set[FieldPath]:
    return {FieldPath(field=Item.get_field_by_fieldname(name)) for name in names}


def _entry(item: Any) -> Entry:
    received = item.datetime_received
    return Entry(
        id=item.id,
        received=datetime.fromtimestamp(received.timestamp() if received else 0, UTC),
        size=item.size or 0,
        marks=frozenset(item.categories or ()),
    )


def _require(answer: Any) -> None:
    """Whoever is not there any more was moved by an earlier attempt or by a person; all else is an error."""
    if isinstance(answer, Exception) and not isinstance(answer, ews_errors.ErrorItemNotFound):
        raise answer
