"""What a site may choose about messages."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSettings:
    """The site's choice.

    Args:
        waiting_shown_at_most: up to so many waiting messages are shown one by one at login, more are summed up.
        waiting_newest_shown: so many of the newest come along with the sum.
        heartbeat: interval of the heartbeats on open streams; three missed ones mean a dead connection.
        poll: how often a process looks for new messages although nobody rang.
        kept: how long messages are kept, read or not.
    """

    waiting_shown_at_most: int = 5
    waiting_newest_shown: int = 3
    heartbeat: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=5)
    kept: timedelta = timedelta(days=365)
