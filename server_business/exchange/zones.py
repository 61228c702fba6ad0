"""Time zones as Windows names them, and as everybody else does (IANA), by the table of Unicode's CLDR."""

from exchangelib.winzone import IANA_TO_MS_TIMEZONE_MAP, MS_TIMEZONE_TO_IANA_MAP


def canonical(name: str) -> str:
    """Return the zone that comes back when this one was sent to Exchange: Vienna becomes Berlin."""
    windows, _ = IANA_TO_MS_TIMEZONE_MAP.get(name, (name, ""))
    return str(MS_TIMEZONE_TO_IANA_MAP.get(windows, name))
