"""Phone numbers as people write them, made international (E.164)."""

import phonenumbers

from mesh.errors import InvalidArgument, Violation

_SHORT_CODE = 8


def international(text: str, country: str, *, field: str = "to") -> str:
    """Return a number such as `+491701234567`.

    Args:
        text: as dialled in `country`, or international.
        country: two letters, such as `DE`.
        field: named as the culprit.

    Raises:
        InvalidArgument: it is no number that can be called.
    """
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
        like = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164) if example else "+491512345678"
        raise InvalidArgument([Violation(field, f"'{text}' is no phone number; write it like {like}")])
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def tidy(sender: str) -> str:
    """Return the international form of a received message's sender where it is a number; names stay as they are."""
    digits = sender.strip()
    if digits.isascii() and digits.isdigit() and len(digits) > _SHORT_CODE:
        digits = f"+{digits.removeprefix('00')}"
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return sender.strip()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
