"""What a visitor is shown: systems, folders, files, published calls."""

from esoffice.es.v1 import web_documents_pb2 as pb
from sqlalchemy import RowMapping

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from mesh.pages import page_of
from server_es.service_levels.rules import Meaning
from server_es.servicecalls.names import SERVICECALL
from server_es.web_documents import http, rules, store
from server_es.web_documents.rules import Folder, Place, Visitor
from server_es.web_documents.shelf import Shelf


class Reading:
    """Answers from the database and the disk.

    Args:
        shelf: the documents on disk; None: the site has none.
    """

    def __init__(self, shelf: Shelf | None) -> None:
        self._shelf = shelf

    def systems(
        self, unit: UnitOfWork, request: pb.ListWebSystemsRequest, visitor: Visitor
    ) -> pb.ListWebSystemsResponse:
        page = page_of(request)
        among = None if visitor.staff else visitor.systems
        rows = store.systems(
            unit, request.query.split(), among, str(page.after[0]) if page.after else "", page.size + 1
        )
        return pb.ListWebSystemsResponse(
            systems=map(_system, rows[: page.size]), next_page_token=page.token(rows, ("number",))
        )

    def system(self, unit: UnitOfWork, name: str, visitor: Visitor) -> RowMapping:
        """Return a system's row; that one does not exist and that it is not the visitor's look the same."""
        number = name.removeprefix("systems/")
        row = store.find_system(unit, number) if visitor.sees(number) else None
        if row is None:
            raise NotFound(f"there is no {name}", resource=name)
        return row

    def tree(self, row: RowMapping, visitor: Visitor) -> pb.WebTree:
        """Return the folders of a system that are on disk and open to the visitor."""
        there = self._shelf.present(row["number"], row["matchcode"]) if self._shelf else []
        folders = [_folder(one) for one in there if visitor.sees(row["number"], one)]
        return pb.WebTree(system=_system(row), folders=folders)

    def files(self, row: RowMapping, id_: str, visitor: Visitor) -> pb.ListFilesResponse:
        """Return the released files of a folder."""
        folder = self._shelf.structure.folders.get(id_) if self._shelf else None
        if self._shelf is None or folder is None or not visitor.sees(row["number"], folder):
            raise NotFound(f"there is no folder {id_!r} in systems/{row['number']}")
        answer = pb.ListFilesResponse()
        for one in self._shelf.files(row["number"], row["matchcode"], folder):
            place = Place(row["number"], folder.id, one.name)
            file = answer.files.add(
                title=one.name, uri=rules.uri(place), size_bytes=one.size, content_type=http.content_type(one.name)
            )
            file.update_time.FromDatetime(one.written)
        return answer

    def calls(
        self, unit: UnitOfWork, request: pb.ListPublishedCallsRequest, visitor: Visitor
    ) -> pb.ListPublishedCallsResponse:
        row = self.system(unit, request.parent, visitor)
        page = page_of(request)
        rows = store.published_calls(unit, row["number"], int(page.after[0]) if page.after else None, page.size + 1)
        answer = pb.ListPublishedCallsResponse(next_page_token=page.token(rows, ("number",)))
        for one in rows[: page.size]:
            call = answer.calls.add(
                servicecall=SERVICECALL.build(one["number"]),
                title=one["title"],
                state_title=one["state"],
                solved=one["meaning"] >= Meaning.SOLVED,
            )
            if one["receive_time"] is not None:
                call.receive_time.FromDatetime(one["receive_time"])
            call.update_time.FromDatetime(one["update_time"])
        return answer


def _system(row: RowMapping) -> pb.WebSystem:
    return pb.WebSystem(name=f"systems/{row['number']}", matchcode=row["matchcode"], model=row["model"])


def _folder(one: Folder) -> pb.WebFolder:
    return pb.WebFolder(
        folder=one.id, german_title=one.german_title, english_title=one.english_title,
        parent_folder=one.parent, staff_only=one.staff_only,
    )  # fmt: skip
