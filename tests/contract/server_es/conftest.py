"""An office behind its real door."""

import pytest

from tests.builders.office import Office, open_office
from tests.contract.conftest import Serve


@pytest.fixture
async def office(serve: Serve) -> Office:
    return await open_office(serve)
