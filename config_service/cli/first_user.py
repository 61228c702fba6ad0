"""Opens the database of config_service on this machine, to make the first administrator in it."""

import asyncio
import re
from pathlib import Path

from config_service import schema
from config_service.app import definition
from config_service.cli.exits import WrongUsage
from config_service.identity.bootstrap import first_administrator, write
from mesh import migrations, private_files
from mesh.clock import Clock
from mesh.database import Database

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


def make(data: Path, url: str, name: str, password: str, clock: Clock) -> None:
    """Write the first user; the tables are made when config_service has not run yet.

    Raises:
        WrongUsage: the name cannot be a user's.
        InvalidArgument: the password is too weak.
        FailedPrecondition: there are users.
    """
    if not _NAME.fullmatch(name):
        raise WrongUsage(
            f"{name}: write lower-case letters, digits, '.', '-' and '_', a letter or digit first and last."
        )
    user = first_administrator(name, password, clock.now())
    private_files.make_folder(data)
    address = url or f"sqlite:///{(data / definition.name).absolute()}.db"
    with Database(address, metadata=schema.metadata, clock=clock) as database:
        migrations.upgrade(database, definition.migrations)
        asyncio.run(database.run(write, schema.users, user))
