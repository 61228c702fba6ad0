"""Instances as they last reported."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from esoffice.config.v1 import fleet_pb2 as pb
from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork

GONE_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class LiveEndpoint:
    """An instance that can be called: what the proxies need to know."""

    service: str
    instance: str
    address: str
    port: int
    draining: bool


def endpoint_of(service: str, instance: pb.Instance) -> LiveEndpoint:
    """Return where an instance says it can be called."""
    name = instance.name.removeprefix("instances/")
    draining = instance.state == pb.Instance.STATE_DRAINING
    return LiveEndpoint(service, name, instance.address, instance.port, draining)


class InstanceStore:
    """The table `instance`."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the schema of config_service."""
        self.table: Final = Table(
            "instance",
            metadata,
            Column("service", String(40), primary_key=True),
            Column("name", String(80), primary_key=True),
            Column("address", String(64), nullable=False),
            Column("port", Integer, nullable=False),
            Column("state", Integer, nullable=False),
            Column("report", LargeBinary, nullable=False),  # esoffice.config.v1.Instance
            Column("seen_time", UtcDateTime(), nullable=False),
            Column("lease_until", UtcDateTime(), nullable=False),
            Index(None, "lease_until"),
        )

    def report(self, unit: UnitOfWork, instance: pb.Instance, *, lease: timedelta) -> None:
        """Write down how an instance is, in place of what it said before."""
        make = sqlite.insert if unit.connection.dialect.name == "sqlite" else postgresql.insert
        values = {
            "address": instance.address,
            "port": instance.port,
            "state": instance.state,
            "report": instance.SerializeToString(),
            "seen_time": unit.now,
            "lease_until": unit.now + lease,
        }
        keys = {"service": instance.service, "name": instance.name}
        statement = make(self.table).values(**keys, **values)
        unit.connection.execute(
            statement.on_conflict_do_update(index_elements=[self.table.c.service, self.table.c.name], set_=values)
        )

    def live(self, unit: UnitOfWork) -> tuple[LiveEndpoint, ...]:
        """Return every instance that takes calls, or still ends some, in order."""
        columns = self.table.c
        callable_states = (pb.Instance.STATE_SERVING, pb.Instance.STATE_DRAINING)
        query = select(columns.service, columns.name, columns.address, columns.port, columns.state).where(
            columns.lease_until > unit.now, columns.state.in_(callable_states), columns.port > 0
        )
        return tuple(
            sorted(
                LiveEndpoint(
                    row.service,
                    row.name.removeprefix("instances/"),
                    row.address,
                    row.port,
                    row.state == pb.Instance.STATE_DRAINING,
                )
                for row in unit.connection.execute(query)
            )
        )

    def page(self, unit: UnitOfWork, *, service: str, after: tuple[str, str] | None, limit: int) -> list[pb.Instance]:
        """Return instances by service and name; silent ones as GONE."""
        columns = self.table.c
        query = select(self.table).order_by(columns.service, columns.name).limit(limit)
        if service:
            query = query.where(columns.service == service)
        if after:
            query = query.where(tuple_(columns.service, columns.name) > tuple_(*after))
        found = []
        for row in unit.connection.execute(query):
            instance = pb.Instance.FromString(row.report)
            instance.seen_time.FromDatetime(row.seen_time)
            if row.lease_until <= unit.now:
                instance.state = pb.Instance.STATE_GONE
            found.append(instance)
        return found

    def forget(self, unit: UnitOfWork) -> int:
        """Delete instances that have been gone for a day, and return how many."""
        old = delete(self.table).where(self.table.c.lease_until < unit.now - GONE_KEPT)
        return unit.connection.execute(old).rowcount
