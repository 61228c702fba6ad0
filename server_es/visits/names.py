"""The resource names of visits."""

from typing import Final

from mesh.names import NamePattern

VISIT: Final = NamePattern("servicecalls/{servicecall}/visits/{visit}", numeric=True)


def origin_of(servicecall: int, visit: int, employee: str) -> str:
    """Return what the appointment of one of those who go calls its origin: a visit has one for each."""
    return f"{VISIT.build(servicecall, visit)}/employees/{employee}"
