"""The resource names of absences and of what they are decided by."""

from typing import Final

from mesh.names import NamePattern

ABSENCE: Final = NamePattern("absences/{absence}", numeric=True)
KIND: Final = NamePattern("absenceKinds/{absence_kind}")
GROUP: Final = NamePattern("approvalGroups/{approval_group}")
STRESS_PERIOD: Final = NamePattern("stressPeriods/{stress_period}")
ENTITLEMENT: Final = NamePattern("employees/{employee}/leaveEntitlements/{year}")
