"""Texts from outside, as every database takes them. Pure."""


def storable(text: str) -> str:
    """Take out what PostgreSQL or UTF-8 refuses: NUL, and halves of characters."""
    if "\0" in text:
        text = text.replace("\0", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
