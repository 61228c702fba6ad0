"""Who wrote a mail that somebody passed on (Weiterleitung im Mailprogramm). Pure."""

import re

from server_business.mail.sender import Mailbox, read_sender

_SUBJECT = re.compile(r"\s*+(?:wg|fwd?|weiterl|weitergeleitet|tr|i)\s*+:", re.IGNORECASE)
_LEAD = r"[>*\s]*+"
_FROM = re.compile(rf"{_LEAD}(?:von|from|de)\s*+\*?\s*+:\*?(?P<who>.{{3,400}})", re.IGNORECASE)
# A sentence that begins with "Von:" is no head; one of these follows in a real one.
_BESIDE = re.compile(
    rf"{_LEAD}(?:gesendet|sent|datum|date|an|to|betreff|subject|envoyé|objet)\s*+\*?\s*+:", re.IGNORECASE
)
# Outlook writes `Hans <hans@kunde.example<mailto:hans@kunde.example>>`, and `Hans [mailto:hans@kunde.example]`.
_LINKED = re.compile(r"<mailto:[^<>\s]*>|mailto:", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>\[\]()\",;:*@]++@[^\s<>\[\]()\",;:*@]++")
_LINES = 300
_NEAR = 5


def is_forwarded(subject: str) -> bool:
    """Say whether a subject is that of a mail somebody passed on."""
    return bool(_SUBJECT.match(subject))


def original_sender(text: str) -> Mailbox | None:
    """Return who wrote the mail that is quoted with its head in a text, the first of them; None when there is none."""
    lines = text.splitlines()[:_LINES]
    for number, line in enumerate(lines):
        hit = _FROM.match(line)
        if hit and any(_BESIDE.match(one) for one in lines[number + 1 : number + 1 + _NEAR]):
            # The structure is not that of a header: `Müller, Hans <hans@kunde.example>` stands there unquoted.
            named = {Mailbox(one).key: one for one in _ADDRESS.findall(_LINKED.sub("", hit["who"]))}
            sender = read_sender([f"<{one}>" for one in named.values()])
            return sender if isinstance(sender, Mailbox) else None
    return None
