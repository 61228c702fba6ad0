"""What lies in a mailbox beside what is stored of it: seen, imported, left (Abgleich)."""

import threading
from typing import Final

from esoffice.business.v1 import mail_pb2 as pb
from sqlalchemy import func, select

from mesh.database import Database
from server_business.mail import store
from server_business.mail.accounts import Account
from server_business.mail.source import MailIdentity
from server_business.mail.tables import MAIL, State

_AT_ONCE: Final = 500
_NAMED: Final = 100
_C: Final = MAIL.c


def reconcile(database: Database, account: Account) -> pb.MailReconciliation:
    """Look into the mailbox over a connection of its own; changes nothing.

    Raises:
        SourceUnavailable, LoginRefused, FolderMissing: it cannot be looked into.
    """
    source = account.source(threading.Event())
    lying: list[MailIdentity] = []
    try:
        uidvalidity = source.open()
        after = ""
        while batch := source.waiting(_AT_ONCE, after):
            lying += [one.identity for one in batch]
            after = batch[-1].identity.uid
    finally:
        source.close()
    with database.reading() as unit:
        stored = store.lying(unit, lying)
        by_state = select(_C.state, func.count()).where(_C.account == account.name).group_by(_C.state)
        counts = {State(state): count for state, count in unit.connection.execute(by_state)}
        waiting = store.unfiled_uids(unit, account.name, account.folder, uidvalidity)
    left = [one.uid for one in lying if one.uid not in stored]
    return pb.MailReconciliation(
        name=f"mailAccounts/{account.name}",
        folder=account.folder,
        lying_count=len(lying),
        left_count=len(left),
        left_uids=left[:_NAMED],
        stored_count=sum(counts.values()),
        received_count=counts.get(State.RECEIVED, 0),
        servicecall_count=counts.get(State.SERVICECALL, 0),
        contact_count=counts.get(State.CONTACT, 0),
        open_count=counts.get(State.OPEN, 0),
        dismissed_count=counts.get(State.DISMISSED, 0),
        duplicate_count=counts.get(State.DUPLICATE, 0),
        gone_count=len(waiting - {one.uid for one in lying}),
    )
