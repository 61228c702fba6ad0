"""The cursor on disk: what has been shown stays shown when the client starts again."""

import contextlib
import os
from pathlib import Path

from esoffice.es.v1 import messages_pb2 as pb
from google.protobuf.json_format import MessageToJson, Parse, ParseError


class Bookmark:
    """Keeps one inbox's cursor in a file.

    Args:
        path: one file per user and machine; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cursor: pb.MessageCursor | None = self._read()

    def keep(self, cursor: pb.MessageCursor) -> None:
        """Remember; after a crash in between the file holds the cursor before or this one, never half of it."""
        self.cursor = cursor
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(MessageToJson(cursor))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def forget(self) -> None:
        """Begin from the start next time: the server cannot serve this cursor."""
        self.cursor = None
        self._path.unlink(missing_ok=True)

    def _read(self) -> pb.MessageCursor | None:
        with contextlib.suppress(FileNotFoundError, ParseError):
            return Parse(self._path.read_text(encoding="utf-8"), pb.MessageCursor())
        return None
