"""Folders: those the settings give every case of a kind, those people make, and the one for everything else."""

from collections.abc import Mapping, Sequence

from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import delete, insert, select

from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Violation
from mesh.pages import page_of
from server_business.documents import rules, store
from server_business.documents.messages import FOLDER as NAME
from server_business.documents.messages import fixed_folder_message, free_folder_message
from server_business.documents.rules import MISCELLANEOUS, FixedFolder, Structures
from server_business.documents.tables import FOLDER


class FolderInUse(FailedPrecondition):
    """Something lies in the folder."""

    reason = "STILL_IN_USE"


def listed(
    unit: UnitOfWork, request: pb.ListDocumentFoldersRequest, structures: Structures
) -> pb.ListDocumentFoldersResponse:
    """Return one page of a case's folders."""
    page = page_of(request)
    start = int(page.after[0]) if page.after else 0
    everything = _of_case(unit, request.business_case, structures, store.folder_counts(unit, request.business_case))
    end = start + page.size
    token = page.token_after((end,)) if end < len(everything) else ""
    return pb.ListDocumentFoldersResponse(folders=everything[start:end], next_page_token=token)


def create(unit: UnitOfWork, asked: pb.DocumentFolder, structures: Structures) -> pb.DocumentFolder:
    """Make a free folder. Raises AlreadyExists, InvalidArgument, NotFound."""
    parent = ""
    if asked.parent:
        free = store.free_cases(unit, [asked.parent])
        parent = rules.place(asked.parent, asked.business_case, structures, free, field="folder.parent")
        if parent == MISCELLANEOUS:
            raise InvalidArgument([Violation("folder.parent", "no folder lies in the one for everything else")])
    beside = [one for one in _of_case(unit, asked.business_case, structures, {}) if one.parent == parent]
    same = next((one for one in beside if one.title.casefold() == asked.title.casefold()), None)
    if same is not None:
        raise AlreadyExists(f"{same.name} has the title '{asked.title}' already.", resource=same.name)
    row = {"business_case": asked.business_case, "parent": parent, "title": asked.title}
    made = unit.connection.execute(insert(FOLDER).values(row).returning(FOLDER)).one()
    return free_folder_message(made, 0)


def remove(unit: UnitOfWork, name: str) -> None:
    """Delete a free folder in which nothing lies. Raises NotFound, FolderInUse."""
    id_ = int(NAME.parse(name)[0])
    locked = select(FOLDER.c.id).where(FOLDER.c.id == id_).with_for_update()
    if unit.connection.execute(locked).first() is None:
        raise NotFound(f"{name} does not exist.", resource=name)
    if store.folder_in_use(unit, name):
        raise FolderInUse(f"Something lies in {name}, in the bin perhaps; move it first.", by=name)
    unit.connection.execute(delete(FOLDER).where(FOLDER.c.id == id_))


def _of_case(
    unit: UnitOfWork, business_case: str, structures: Structures, counts: Mapping[str, int]
) -> list[pb.DocumentFolder]:
    fixed: Sequence[FixedFolder] = structures.get(business_case.partition("/")[0], ()) if business_case else ()
    found = [fixed_folder_message(one, business_case, counts.get(one.name, 0)) for one in fixed]
    free = store.free_folders(unit, [business_case])
    found += [free_folder_message(one, counts.get(NAME.build(one.id), 0)) for one in free]
    return [
        *found,
        pb.DocumentFolder(
            name=MISCELLANEOUS, title="Sonstiges", business_case=business_case,
            kind=pb.DOCUMENT_FOLDER_KIND_MISCELLANEOUS, document_count=counts.get(MISCELLANEOUS, 0),
        ),
    ]  # fmt: skip
