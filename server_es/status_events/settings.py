"""The site's choice for status-change events."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from server_es.status_events.rules import NUMBER


@dataclass(slots=True, kw_only=True)
class StatusEventSettings:
    """A live change is written into it.

    Attributes:
        zone: whose days are counted.
        mails_per_day: of the customer, to one address.
        call_mark: how the subject names the call.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    mails_per_day: int = 20
    call_mark: str = f"Call {NUMBER}"
