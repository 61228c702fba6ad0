"""Time zones as Windows names them, and as everybody else does (IANA), by the table of Unicode's CLDR."""

from zoneinfo import ZoneInfo

from exchangelib.winzone import IANA_TO_MS_TIMEZONE_MAP, MS_TIMEZONE_TO_IANA_MAP


def canonical(name: str) -> str:
    """Return the zone that comes back when this one was sent to Exchange: Vienna becomes Berlin."""
    return str(MS_TIMEZONE_TO_IANA_MAP.get(windows(name), name))


def windows(name: str) -> str:
    """Return how Windows names a zone; one that it does not know keeps its name."""
    return str(IANA_TO_MS_TIMEZONE_MAP.get(name, (name, ""))[0])


def iana(name: str) -> str:
    """Return how everybody else names a zone of Windows or of theirs; empty: nobody knows it."""
    found = str(MS_TIMEZONE_TO_IANA_MAP.get(name, name))
    try:
        return ZoneInfo(found).key
    except (ValueError, OSError, LookupError):
        return ""
