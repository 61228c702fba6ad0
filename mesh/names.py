"""Resource names: paths such as `addresses/1001/contactPersons/2`, built and taken apart in one place."""

import re
from typing import Final

from mesh.errors import InvalidArgument, Violation

WILDCARD: Final = "-"
"""Stands for the id of any parent in lists (AIP-159)."""

_ID = r"[A-Za-z0-9-]{1,40}"
_PLACE = re.compile(r"\{([a-z_]+)\}")


class NamePattern:
    """The names of one kind of resource.

    Args:
        format: such as `systems/{system}/components/{component}`.
        numeric: ids are numbers without leading zeros.
    """

    def __init__(self, format: str, *, numeric: bool = False) -> None:  # noqa: A002 - what contracts call it
        self.format: Final = format
        self.places: Final[tuple[str, ...]] = tuple(_PLACE.findall(format))
        self.collection: Final = _PLACE.split(format)[-3].strip("/")
        self._matches = re.compile(_PLACE.sub("([1-9][0-9]{0,17})" if numeric else f"({_ID})", format)).fullmatch
        self._build = _PLACE.sub("{}", format).format

    def __repr__(self) -> str:
        return f"NamePattern({self.format!r})"

    def build(self, *ids: object) -> str:
        """Return the name of the resource with these ids."""
        return self._build(*ids)

    def ids(self, name: str) -> tuple[str, ...] | None:
        """Return the ids in a name, or None when it is no name of this kind."""
        match = self._matches(name)
        return match.groups() if match else None

    def parse(self, name: str, *, field: str = "name") -> tuple[str, ...]:
        """Return the ids in a name.

        Raises:
            InvalidArgument: it is no name of this kind; `field` is named as the culprit.
        """
        found = self.ids(name)
        if found is None:
            raise InvalidArgument([Violation(field, f"'{name}' is not of the form {self.format}")])
        return found
