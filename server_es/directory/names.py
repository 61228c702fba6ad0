"""The resource names of the directory, and of what it refers to."""

from typing import Final

from mesh.names import NamePattern

ADDRESS: Final = NamePattern("addresses/{address}")
CONTACT_PERSON: Final = NamePattern("addresses/{address}/contactPersons/{contact_person}")
SYSTEM: Final = NamePattern("systems/{system}")
COMPONENT: Final = NamePattern("systems/{system}/components/{component}")
CONTRACT: Final = NamePattern("contracts/{contract}")
EMPLOYEE: Final = NamePattern("employees/{employee}")
TEAM: Final = NamePattern("teams/{team}")
SIGNIFICANCE: Final = NamePattern("significances/{significance}")
SERVICE_LEVEL: Final = NamePattern("serviceLevels/{service_level}", numeric=True)
