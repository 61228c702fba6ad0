"""The resource names of status-change events."""

from typing import Final

from mesh.names import NamePattern

STATUS_EVENT: Final = NamePattern("statusEvents/{status_event}")
