"""Employees and teams without a directory."""

from collections.abc import Collection, Mapping

from mesh.database import UnitOfWork


class FakeStaff:
    """Everybody whose personnel number is numeric works here; teams are what the test says."""

    def __init__(self, teams: Mapping[str, Collection[str]] | None = None) -> None:
        self.teams = dict(teams or {})

    def existing(self, unit: UnitOfWork, employees: Collection[str]) -> set[str]:
        return {one for one in employees if one.isdigit()}

    def members(self, unit: UnitOfWork, teams: Collection[str]) -> dict[str, Collection[str]]:
        return {one: self.teams[one] for one in teams if one in self.teams}
