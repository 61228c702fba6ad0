"""The tables of config_service."""

from config_service.audit.store import AuditStore
from config_service.fleet.store import InstanceStore
from config_service.identity.failed_sign_ins import FailedSignIns
from config_service.identity.store import UserStore
from config_service.settings.store import RevisionStore
from mesh.audit import AuditOutbox
from mesh.columns import new_metadata
from mesh.idempotency import RequestLog
from mesh.leases import Leases

metadata = new_metadata()
revisions = RevisionStore(metadata)
instances = InstanceStore(metadata)
audit = AuditStore(metadata)
outbox = AuditOutbox(metadata)
requests = RequestLog(metadata)
leases = Leases(metadata)
users = UserStore(metadata)
failed_sign_ins = FailedSignIns(metadata)
