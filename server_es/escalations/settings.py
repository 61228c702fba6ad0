"""What a site may choose about escalations."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class EscalationSettings:
    """The site's choice; its owner changes it in place when it is changed live.

    Attributes:
        fallback_employee: personnel number of who is told when nobody can be reached; empty: nobody.
        fallback_team: id of the team that is told then; empty: none.
        late_per_minute: how many late escalations fire per minute after a downtime.
    """

    fallback_employee: str = ""
    fallback_team: str = ""
    late_per_minute: int = 600
