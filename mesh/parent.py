"""The line between a worker process and its supervisor: one JSON object a line. Its end ends the other side.

Standard library only: the supervisor stays small.
"""

import asyncio
import contextlib
import json
import os
import socket
from typing import Any

VARIABLE = "ESMESH_SUPERVISOR_FD"


class Parent:
    """The supervisor as the worker sees it. Without one, nothing is told and it never goes away."""

    def __init__(self, line: socket.socket | None) -> None:
        self._line = line
        self.gone = asyncio.Event()
        if line is not None:
            line.setblocking(False)
            asyncio.get_running_loop().add_reader(line, self._heard)

    @classmethod
    def of_environment(cls) -> "Parent":
        """Return the supervisor that started this process, if one did."""
        number = os.environ.pop(VARIABLE, "")
        return cls(socket.socket(fileno=int(number)) if number else None)

    def healthy(self, revision: int) -> None:
        """Say that the service takes calls on the settings of that revision."""
        self._tell({"healthy": revision})

    def failed(self, reason: str) -> None:
        """Say why the service cannot start."""
        self._tell({"failed": reason})

    def _tell(self, said: dict[str, Any]) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.send(json.dumps(said).encode() + b"\n")

    def _heard(self) -> None:
        assert self._line is not None
        try:
            heard = self._line.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            asyncio.get_running_loop().remove_reader(self._line)
            self.gone.set()
