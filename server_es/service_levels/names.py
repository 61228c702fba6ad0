"""The resource names of what servicecalls are measured by."""

from typing import Final

from mesh.names import NamePattern

SERVICE_LEVEL: Final = NamePattern("serviceLevels/{service_level}", numeric=True)
PRIORITY: Final = NamePattern("priorities/{priority}", numeric=True)
PROBLEM_CATEGORY: Final = NamePattern("problemCategories/{problem_category}")
STATE: Final = NamePattern("servicecallStates/{state}", numeric=True)
SIGNIFICANCE: Final = NamePattern("significances/{significance}")
