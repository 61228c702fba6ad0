"""What a site may choose about servicecalls."""

from dataclasses import dataclass, field

from server_es.servicecalls.transitions import Reopening


@dataclass(slots=True, kw_only=True)
class ServicecallSettings:
    """The site's choice; a live change is written into it.

    Attributes:
        notify_responsible: tell the responsible employee and team of new calls, addenda and reopenings.
        reopening: which solved calls people may reopen.
        first_number: where the number range of an empty database begins.
        site_zone: IANA zone in which due times of levels without a calendar are explained.
    """

    notify_responsible: bool = True
    reopening: Reopening = field(default_factory=Reopening)
    first_number: int = 1
    site_zone: str = "Europe/Berlin"
