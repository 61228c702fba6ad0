"""German public holidays (Feiertage), exact per federal state and, where the law says so, per parish."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from mesh import errors

STATES = frozenset(
    ("BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"),
)
AUGSBURG = "Augsburg"
CATHOLIC = "catholic"
PARISHES = {AUGSBURG: frozenset({"BY"}), CATHOLIC: frozenset({"BY", "SN", "TH"})}
"""Where the law knows a difference inside a state: Augsburg (Friedensfest, Mariä Himmelfahrt) and the mostly catholic
parishes of Bavaria (Mariä Himmelfahrt), Saxony and Thuringia (Fronleichnam)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Whose holidays count: a federal state by its two letters (ISO 3166-2:DE) and optionally one of `PARISHES`.

    No state (empty) is what all states have in common.
    """

    state: str
    parish: str | None = None

    def __post_init__(self) -> None:
        if self.state and self.state not in STATES:
            raise errors.InvalidArgument(
                [
                    errors.Violation(
                        "state", f"{self.state!r} is none of the federal states {', '.join(sorted(STATES))}"
                    )
                ],
            )
        if self.parish is not None and self.state not in PARISHES.get(self.parish, ()):
            raise errors.InvalidArgument(
                [
                    errors.Violation(
                        "parish", f"{self.state or 'the whole country'} has no holidays of its own for {self.parish!r}"
                    )
                ],
            )


@lru_cache(maxsize=1024)
def holidays_of(region: Region, year: int) -> Mapping[date, str]:
    """Return the year's public holidays with their German names, for example `{date(2026, 6, 4): "Fronleichnam"}`."""
    import holidays

    catholic = region.parish is not None
    return dict(
        holidays.country_holidays(
            "DE",
            subdiv=AUGSBURG if region.parish == AUGSBURG else region.state or None,
            years=year,
            categories=("public", "catholic") if catholic else ("public",),
            language="de",
        ),
    )
