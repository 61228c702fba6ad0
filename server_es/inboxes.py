"""The inboxes of server_es: the tables of the messages room in its one schema."""

from typing import Final

from server_es.messages.store import MessageStore
from server_es.messages.tables import MessageTables
from server_es.schema import METADATA

INBOXES: Final = MessageStore(MessageTables(METADATA))
