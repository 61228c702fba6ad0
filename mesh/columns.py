"""Column types and naming that every service's schema shares."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Every constraint has a name that can be derived, so that a migration can drop what an earlier one made.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> MetaData:
    """Return an empty MetaData whose constraints name themselves the same way on every engine."""
    return MetaData(naming_convention=_NAMES)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware, UTC, to the microsecond.

    PostgreSQL keeps `timestamptz`. SQLite keeps microseconds since 1970 as an integer, because its own text format
    orders wrongly as soon as a fraction or an offset is missing in one row.

    Raises:
        ValueError: when a value without a time zone is bound.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    # The processors themselves, not TypeDecorator's `process_…`, which cost two calls more for every value.
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        return _micros_of if dialect.name == "sqlite" else _aware

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        return _of_micros if dialect.name == "sqlite" else _utc


def _aware(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise ValueError(f"{value} has no time zone; only aware instants are stored")
    return value


def _micros_of(value: datetime | None) -> int | None:
    aware = _aware(value)
    return None if aware is None else (aware - _EPOCH) // _MICROSECOND


def _of_micros(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
