"""structlog lines: a constant message and fields, one line a call.

Mail bodies, SMS texts and tokens never enter a line.
"""

import asyncio
import atexit
import logging
import sys
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from typing import Any

import structlog

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

    Lines are gathered for a tenth of a second, so that a burst of calls is one write; a kill loses that tenth.
    """

    _GATHERED_SECONDS = 0.1
    _MOST_LINES = 500

    def __init__(self) -> None:
        self.on = False
        self._human = False
        self._head = ""
        self._nanoseconds = SystemClock().epoch_nanoseconds
        self._second = 0
        self._date = ""
        self._lines: list[str] = []
        atexit.register(self.flush)

    def begin(self, *, service: str, on: bool, human: bool) -> None:
        """Write lines from now on, in the form that `configure` has chosen."""
        self.on = on
        self._human = human
        self._head = f'{{"event": "call", "part": "calls", "level": "info", "service": {quoted(service)}, "method": '

    def write(self, method: str, code: str, seconds: float, *, caller: str, address: str, trace_id: str) -> None:
        """Write down a finished call."""
        if not self.on:
            return
        if self._human:
            ms = round(seconds * 1000, 2)
            line = {
                "method": method,
                "code": code,
                "ms": ms,
                "caller": caller,
                "address": address,
                "trace_id": trace_id,
            }
            get("calls").info("call", **line)
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(self._GATHERED_SECONDS, self.flush)
        self._lines.append(
            f'{self._head}"{method}", "code": "{code}", "ms": {seconds * 1000:.2f}, "caller": {quoted(caller)}, '
            f'"address": {quoted(address)}, "trace_id": "{trace_id}", "timestamp": "{self._timestamp()}"}}\n'
        )
        if len(self._lines) >= self._MOST_LINES:
            self.flush()

    def _timestamp(self) -> str:
        """Return the present in ISO format; the date and the time of day are written anew once a second."""
        second, nanoseconds = divmod(self._nanoseconds(), 1_000_000_000)
        if second != self._second:
            self._second, self._date = second, f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{self._date}.{nanoseconds // 1000:06}Z"

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        if lines:
            sys.stderr.write("".join(lines))
            sys.stderr.flush()


CALL_LINES = CallLines()
