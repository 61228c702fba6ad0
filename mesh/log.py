"""structlog lines: a constant message and fields, one line a call.

Mail bodies, SMS texts and tokens never enter a line.
"""

import asyncio
import atexit
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from typing import Any

import structlog

from mesh.call import Call
from mesh.clock import SystemClock

_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}  # esoffice.config.v1.LogLevel


def configure(*, service: str, level: str = "INFO", human: bool = False) -> None:
    """Set up logging of this process: JSON lines on standard error, or coloured ones for a person."""
    number = logging.getLevelNamesMapping()[level]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    CALL_LINES.begin(service=service, on=number <= logging.INFO, human=human)
    # Libraries log through the standard library; what they warn of belongs into the same stream.
    logging.basicConfig(
        stream=sys.stderr, level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s"
    )


def set_level(level: int) -> None:
    """Change how much is logged while the service runs: a number of `esoffice.config.v1.LogLevel`, 0 for the
    default.
    """
    number = _LEVELS.get(level, logging.INFO)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))
    CALL_LINES.on = number <= logging.INFO


def get(name: str) -> Any:
    """Return the logger of a module; its lines carry `part=name`."""
    return structlog.get_logger(part=name)


class CallLines:
    """The line of every call, written by hand: through structlog it costs more than the call itself (100 against 4 µs).

    Calls are gathered for a tenth of a second and written together, which costs half as much again: the code that
    writes is run in a row, and a burst is one write. A kill loses that tenth.
    """

    _GATHERED_SECONDS = 0.1
    _MOST_LINES = 500

    def __init__(self) -> None:
        self.on = False
        self._human = False
        self._head = ""
        self._nanoseconds = SystemClock().epoch_nanoseconds
        self._calls: list[tuple[Call, str, float, int]] = []
        atexit.register(self.flush)

    def begin(self, *, service: str, on: bool, human: bool) -> None:
        """Write lines from now on, in the form that `configure` has chosen."""
        self.on = on
        self._human = human
        self._head = f'{{"event": "call", "part": "calls", "level": "info", "service": {quoted(service)}, "method": '

    def write(self, call: Call, code: str, seconds: float) -> None:
        """Write down a finished call."""
        if not self.on:
            return
        calls = self._calls
        if not calls:
            asyncio.get_running_loop().call_later(self._GATHERED_SECONDS, self.flush)
        calls.append((call, code, seconds, self._nanoseconds()))
        if len(calls) >= self._MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        calls, self._calls = self._calls, []
        if self._human:
            for call, code, seconds, _ in calls:
                _write_for_people(call, code, seconds)
        elif calls:
            sys.stderr.write("".join(self._lines(calls)))
            sys.stderr.flush()

    def _lines(self, calls: list[tuple[Call, str, float, int]]) -> Iterator[str]:
        head, known, date = self._head, -1, ""
        for call, code, seconds, at in calls:
            second, nanoseconds = divmod(at, 1_000_000_000)
            if second != known:  # the date and the time of day are made once for all lines of a second
                known, date = second, f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
            caller = call.caller.name if call.caller else ""
            yield (
                f'{head}"{call.method}", "code": "{code}", "ms": {seconds * 1000:.2f}, "caller": {quoted(caller)}, '
                f'"address": {quoted(call.address)}, "trace_id": "{call.trace_id}", '
                f'"timestamp": "{date}.{nanoseconds // 1000:06}Z"}}\n'
            )


def _write_for_people(call: Call, code: str, seconds: float) -> None:
    caller = call.caller.name if call.caller else ""
    get("calls").info(
        "call", method=call.method, code=code, ms=round(seconds * 1000, 2), caller=caller, address=call.address,
        trace_id=call.trace_id,
    )  # fmt: skip


CALL_LINES = CallLines()
