"""Deletes what the site does not want to keep any longer: old revisions, audit entries, gone instances, answers."""

from collections.abc import Callable
from datetime import timedelta

from config_service import schema
from mesh.database import Database
from mesh.workers import Turn


def housekeeping(database: Database) -> Callable[[Turn], None]:
    """Return the work: a few short units, because long ones would hold others up."""

    def work(_: Turn) -> None:
        with database.reading() as unit:
            newest = schema.revisions.newest(unit)
        if newest is None:
            return
        history = newest.settings.config_service.history
        with database.unit() as unit:
            schema.revisions.prune(unit, keep=history.kept_revisions)
        with database.unit() as unit:
            schema.audit.prune(unit, keep=timedelta(days=history.audit_days))
        with database.unit() as unit:
            schema.instances.forget(unit)
        with database.unit() as unit:
            schema.requests.prune(unit)
        with database.unit() as unit:
            schema.failed_sign_ins.prune(unit)

    return work
