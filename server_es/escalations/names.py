"""The resource names of escalations."""

from typing import Final

from mesh.names import NamePattern

POINT: Final = NamePattern("escalationPoints/{escalation_point}", numeric=True)
EVENT: Final = NamePattern("escalationEvents/{escalation_event}")
MAINTENANCE_WINDOW: Final = NamePattern("maintenanceWindows/{maintenance_window}")
ESCALATION: Final = NamePattern("escalations/{escalation}", numeric=True)
ROSTER: Final = NamePattern("rosters/{roster}")
