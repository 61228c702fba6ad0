"""The one room: notes that are written down and counted."""

from typing import Any

from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select

from mesh.database import Database, UnitOfWork


class NoteStore:
    """The table `note`."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table("note", metadata, Column("number", Integer, primary_key=True), Column("text", String(100)))

    def add(self, unit: UnitOfWork, text: str) -> int:
        unit.connection.execute(insert(self.table).values(text=text))
        return int(unit.connection.execute(select(func.count()).select_from(self.table)).scalar_one())


class EchoServicer:
    """Serves `EchoService`; the service user of the settings stands before every echo."""

    def __init__(self, database: Database, store: NoteStore) -> None:
        self._database = database
        self._store = store
        self.reopen = False

    async def Echo(self, request: StringValue, _context: Any) -> StringValue:
        return StringValue(value=f"{request.value} reopen={self.reopen}")

    async def Note(self, request: StringValue, _context: Any) -> StringValue:
        return StringValue(value=str(await self._database.run(self._store.add, request.value)))
