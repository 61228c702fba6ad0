"""The resource names of rosters and of what changes them."""

from typing import Final

from mesh.names import NamePattern

ROSTER: Final = NamePattern("rosters/{roster}")
OVERRIDE: Final = NamePattern("dutyOverrides/{override}", numeric=True)
PLAN: Final = NamePattern("dutyPlans/{plan}", numeric=True)
SWAP: Final = NamePattern("dutySwaps/{swap}", numeric=True)
FEED: Final = NamePattern("dutyFeeds/{feed}", numeric=True)
