"""Phone numbers as people write them, made international so that they can be looked for. Pure."""

from functools import lru_cache
from typing import Final

import phonenumbers

_COUNTRY: Final = "DE"  # of numbers without `+`: the product's sites are in Germany, as its holidays say


@lru_cache(maxsize=4096)
def international(text: str) -> str:
    """Return a number such as `+492011234567`; empty when it is none that can be called."""
    try:
        number = phonenumbers.parse(text, _COUNTRY)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[:16]
