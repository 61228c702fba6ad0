"""Hands short messages to another program: one JSON file each, in a folder (Ausgangsordner).

The file is called like the message, so that handing it over twice makes it once.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server_business.sending.carrier import Away, Mark
from server_business.sending.rules import Answer, Outcome
from server_business.sms.rules import Alphabet


class OutboxCarrier:
    """Writes files that are complete as soon as they are seen.

    Args:
        folder: where to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def carry(self, row: Mapping[str, Any], mark: Mark) -> Outcome:
        """Write a message. Raises Away: the folder cannot be written."""
        target = self._file(row)
        content = {
            "id": f"sms/{row['id']}",
            "to": row["to"],
            "text": row["text"],
            "alphabet": Alphabet(row["alphabet"]).name,
            "parts": row["parts"],
            "createTime": row["create_time"].isoformat(),
        }
        unfinished = target.with_suffix(".unfinished")
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Away(f"{self._folder} cannot be written: {error.strerror}") from error
        mark()
        unfinished.replace(target)
        return Outcome(answer=Answer.TAKEN, reason="written", reference=target.name)

    def find(self, row: Mapping[str, Any]) -> Outcome | None:
        """Look whether the file is there; a program may have taken it already, then nobody can tell."""
        target = self._file(row)
        return Outcome(answer=Answer.TAKEN, reason="written", reference=target.name) if target.exists() else None

    def close(self) -> None:
        """Nothing is open."""

    def _file(self, row: Mapping[str, Any]) -> Path:
        return self._folder / f"sms-{row['id']}.json"
