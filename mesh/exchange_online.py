"""Which addresses are those of Exchange Online, where Exchange Web Services end.

https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/deprecation-of-ews-exchange-online
"""

from typing import Final
from urllib.parse import urlsplit

EWS_ENDS: Final = (
    "Exchange Online refuses Exchange Web Services since 2026-10-01 unless the tenant allows them, and has them "
    "no more from 2027-04-01"
)
_HOSTS: Final = (".office365.com", ".office.com", ".outlook.com", ".office365.us", ".outlook.cn")


def is_online(address: str) -> bool:
    """Return whether a URL or a host name is one of Exchange Online."""
    host = urlsplit(address).hostname or address
    return f".{host.lower()}".endswith(_HOSTS)
