"""The settings of the web documents as the room uses them."""

from dataclasses import dataclass
from datetime import timedelta

from esoffice.config.v1 import es_settings_pb2

from server_es.web_documents import rules
from server_es.web_documents.rules import Folder, Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDocumentSettings:
    """How long codes and tickets hold, and how often a code may be tried."""

    code_lifetime: timedelta = timedelta(minutes=15)
    code_attempts: int = 5
    ticket_lifetime: timedelta = timedelta(hours=1)


def settings_of(said: es_settings_pb2.WebDocumentSettings) -> WebDocumentSettings:
    return WebDocumentSettings(
        code_lifetime=said.code_lifetime_duration.ToTimedelta(),
        code_attempts=said.code_attempts,
        ticket_lifetime=said.ticket_lifetime_duration.ToTimedelta(),
    )


def structure_of(said: es_settings_pb2.WebDocumentSettings) -> Structure:
    """Return the structure, or raise InvalidArgument with everything that is wrong with it."""
    folders = [
        Folder(
            id=id_,
            german_title=one.german_title,
            english_title=one.english_title,
            path=tuple(one.path.split("/")),
            staff_only=one.staff_only,
        )
        for id_, one in sorted(said.folders.items(), key=lambda item: item[1].path.casefold().split("/"))
    ]
    return rules.structure(said.root, said.system_folder, folders, said.excluded_names)
