"""structlog lines: a constant message and fields, one line a call. Mail bodies, SMS texts and tokens never enter a line."""

import logging
import sys
from typing import Any

import structlog

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
    # Libraries log through the standard library; what they warn of belongs into the same stream.
    logging.basicConfig(stream=sys.stderr, level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s")


def set_level(level: int) -> None:
    """Change how much is logged while the service runs: a number of `esoffice.config.v1.LogLevel`, 0 for the default."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level, logging.INFO)))


def get(name: str) -> Any:
    """Return the logger of a module; its lines carry `part=name`."""
    return structlog.get_logger(part=name)
