"""The one schema of server_business. Every room declares its tables in it; no room reads another one's."""

from typing import Final

from mesh.audit import AuditOutbox
from mesh.columns import new_metadata
from mesh.leases import Leases

METADATA: Final = new_metadata()
OUTBOX: Final = AuditOutbox(METADATA)
LEASES: Final = Leases(METADATA)
