"""The resource names of servicecalls."""

from typing import Final

from mesh.names import NamePattern

SERVICECALL: Final = NamePattern("servicecalls/{servicecall}", numeric=True)


def number_of(name: str, *, field: str = "name") -> int:
    """Return the number in a servicecall's name, or raise InvalidArgument."""
    return int(SERVICECALL.parse(name, field=field)[0])
