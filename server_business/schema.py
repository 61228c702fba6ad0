"""The tables of server_business: one schema, in which every room declares its own."""

from typing import Final

from mesh.columns import new_metadata
from mesh.leases import Leases

METADATA: Final = new_metadata()
LEASES: Final = Leases(METADATA)
