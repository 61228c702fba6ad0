"""The one schema of server_business. Every room declares its tables in it; no room reads another one's."""

from typing import Final

from mesh.audit import AuditOutbox
from mesh.columns import new_metadata
from mesh.idempotency import RequestLog
from mesh.leases import Leases

METADATA: Final = new_metadata()
REQUESTS: Final = RequestLog(METADATA)
"""Remembers what calls with a `request_id` were answered."""
OUTBOX: Final = AuditOutbox(METADATA)
LEASES: Final = Leases(METADATA)
