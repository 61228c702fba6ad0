"""Hands short messages to another program: one JSON file each, in a folder (Ausgangsordner).

The file is called like the message, so that handing it over twice makes it once.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from server_business.sending.carrier import Away
from server_business.sending.rules import Answer, Outcome
from server_business.sms.providers import Handed, Parcel, Plain, Take


class Outbox(Plain):
    """Writes files that are complete as soon as they are seen.

    Args:
        folder: where to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Look whether the folder can be written. Raises Away."""
        trial = self._folder / f".{os.getpid()}.unfinished"
        try:
            trial.touch()
            trial.unlink(missing_ok=True)
        except OSError as error:
            raise Away(f"{self._folder} cannot be written: {error.strerror}") from error

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        """Write a file for each, as many as the rate allows."""
        handed = {}
        for parcel in parcels:
            if take() > 0:
                break
            try:
                self._write(parcel)
            except OSError as error:
                outcome = Outcome(answer=Answer.LATER, reason=f"{self._folder} cannot be written: {error.strerror}")
            else:
                outcome = self._written(parcel)
            handed[parcel.id] = Handed(outcome=outcome)
        return handed

    def found(self, parcel: Parcel) -> Outcome | None:
        """Look whether the file is there; a program may have taken it already, then nobody can tell."""
        return self._written(parcel) if self._file(parcel).exists() else None

    def _write(self, parcel: Parcel) -> None:
        target = self._file(parcel)
        content = {
            "id": f"sms/{parcel.id}",
            "to": parcel.to,
            "text": parcel.text,
            "alphabet": parcel.alphabet.name,
            "parts": len(parcel.parts),
            "flash": parcel.flash,
            "createTime": parcel.create_time.isoformat(),
        }
        unfinished = target.with_suffix(".unfinished")
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)

    def _written(self, parcel: Parcel) -> Outcome:
        return Outcome(answer=Answer.TAKEN, reason="written", reference=self._file(parcel).name)

    def _file(self, parcel: Parcel) -> Path:
        return self._folder / f"sms-{parcel.id}.json"
