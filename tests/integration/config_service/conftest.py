"""config_service on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.clock import ManualClock
from tests.builders.config_service import Mesh, config_service


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Mesh]:
    async with config_service(database_url, tmp_path, clock) as mesh:
        yield mesh
