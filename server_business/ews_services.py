"""The operations of Exchange Web Services where exchangelib does not say what went wrong; for mails and calendars."""

from typing import Any

from exchangelib import errors as ews_errors
from exchangelib.services import CreateItem, DeleteItem, GetItem, MoveItem, SyncFolderItems, UpdateItem
from exchangelib.services.common import EWSService

MOST_CHANGES = 512
"""So many Exchange tells at once."""


class StateLost(Exception):
    """Exchange does not know any more from where on to tell."""


class Sync(SyncFolderItems):  # type: ignore[misc]
    """Says what went wrong, too: exchangelib looks for the state in a refusal first."""

    def _get_element_container(self, message: Any, name: str | None = None) -> Any:
        if message.get("ResponseClass") == "Error":
            return EWSService._get_element_container(self, message=message, name=name)  # noqa: SLF001
        return super()._get_element_container(message=message, name=name)

    def told(self, folder: Any, state: str, fields: Any = None) -> list[Any]:
        """Return what has changed in a folder since a state; everything for an empty one.

        Raises:
            StateLost: read everything.
        """
        try:
            return list(
                self.call(
                    folder=folder,
                    shape="IdOnly",
                    additional_fields=fields,
                    sync_state=state or None,
                    ignore=None,
                    max_changes_returned=MOST_CHANGES,
                    sync_scope=None,
                )
            )
        except (ews_errors.ErrorInvalidSyncStateData, ews_errors.ErrorSyncFolderNotFound) as error:
            raise StateLost from error


class Get(GetItem):  # type: ignore[misc]
    """Of each item, or why not: as exchangelib has it, some errors of one item lose the answers about all others."""

    ERRORS_TO_CATCH_IN_RESPONSE = ews_errors.ResponseMessageError


class Create(CreateItem):  # type: ignore[misc]
    """Likewise."""

    ERRORS_TO_CATCH_IN_RESPONSE = ews_errors.ResponseMessageError


class Update(UpdateItem):  # type: ignore[misc]
    """Likewise."""

    ERRORS_TO_CATCH_IN_RESPONSE = ews_errors.ResponseMessageError


class Move(MoveItem):  # type: ignore[misc]
    """Likewise."""

    ERRORS_TO_CATCH_IN_RESPONSE = ews_errors.ResponseMessageError


class Delete(DeleteItem):  # type: ignore[misc]
    """Likewise."""

    ERRORS_TO_CATCH_IN_RESPONSE = ews_errors.ResponseMessageError
