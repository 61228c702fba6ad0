"""The catalogue of the text modules."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from esoffice.es.v1 import text_modules_pb2 as pb
from sqlalchemy import select

from mesh.bulk import ByKeys
from mesh.database import UnitOfWork
from mesh.names import NamePattern
from server_es import entries
from server_es.catalogues import Catalogue, Field, Key
from server_es.text_modules import placeholders, rules
from server_es.text_modules.rules import Language, Template
from server_es.text_modules.tables import text_module

NAME: Final = NamePattern("textModules/{text_module}")
LANGUAGES: Final[Mapping[int, Language]] = {
    pb.TEXT_LANGUAGE_UNSPECIFIED: "de",
    pb.TEXT_LANGUAGE_GERMAN: "de",
    pb.TEXT_LANGUAGE_ENGLISH: "en",
}
TEXT_MODULE: Final = Catalogue(
    kind="text_module",
    plural="text_modules",
    message=pb.TextModule,
    name=NAME,
    table=text_module,
    key="id",
    fields={
        "title": Field(),
        "language": Field(to_row=lambda said: int(said or pb.TEXT_LANGUAGE_GERMAN)),
        "text": Field(),
    },
)


_SOME: Final = ByKeys(
    lambda among: select(text_module.c.id, text_module.c.language, text_module.c.text).where(
        among(text_module.c.id, "ids")
    )
)


class Entries(entries.Entries):
    """The text modules; one is kept only when it can be rendered."""

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        super().check(unit, catalogue, key, message, row)
        rules.check(message.text, placeholders.ALL, field="text_module.text")


def templates(unit: UnitOfWork, ids: Collection[str]) -> dict[str, Template]:
    """Return those of these text modules that there are, taken apart."""
    rows = _SOME.run(unit.connection, ids=set(ids))
    return {row.id: rules.template(row.text, LANGUAGES[row.language]) for row in rows}
