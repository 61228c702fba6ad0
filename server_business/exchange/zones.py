"""Time zones as Windows names them, and as everybody else does (IANA). The table is the one of Unicode's CLDR, from exchangelib."""

from exchangelib.winzone import IANA_TO_MS_TIMEZONE_MAP, MS_TIMEZONE_TO_IANA_MAP


def iana(windows: str) -> str:
    """Return the IANA name of a Windows zone; what is none is returned as it is."""
    return MS_TIMEZONE_TO_IANA_MAP.get(windows, windows)


def windows(name: str) -> str:
    """Return the Windows name of an IANA zone.

    Raises:
        ValueError: Windows has none for it.
    """
    found = IANA_TO_MS_TIMEZONE_MAP.get(name)
    if found is None:
        raise ValueError(f"Exchange knows no time zone {name}")
    return found


def canonical(name: str) -> str:
    """Return the zone that comes back when this one was sent to Exchange: Vienna becomes Berlin."""
    return iana(IANA_TO_MS_TIMEZONE_MAP.get(name, name))
