"""What a site may choose about servicecalls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicecallSettings:
    """The site's choice.

    Attributes:
        notify_responsible: tell the responsible employee and team of new calls, addenda and reopenings.
        first_number: where the number range of an empty database begins.
        site_zone: IANA zone in which due times of levels without a calendar are explained.
    """

    notify_responsible: bool = True
    first_number: int = 1
    site_zone: str = "Europe/Berlin"
