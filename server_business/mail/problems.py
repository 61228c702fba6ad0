"""Why a mail cannot be read, and what was odd about one that could."""

from enum import StrEnum

from mesh.errors import DomainError


class Problem(StrEnum):
    """What is wrong with a mail as it came; the value is what a log line and an open mail show."""

    EMPTY = "empty"
    OVERSIZE = "oversize"
    TOO_MANY_LINES = "too-many-lines"
    TOO_MANY_HEADERS = "too-many-headers"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_DEEP = "too-deep"
    TOO_SLOW = "too-slow"
    BROKEN = "broken"


class UnreadableMail(DomainError):
    """The mail is kept as it came and shown to a person; no other mail waits for it."""

    reason = "UNREADABLE_MAIL"

    def __init__(self, problem: Problem, sentence: str) -> None:
        super().__init__(sentence, problem=problem.value)
        self.problem = problem

    def __reduce__(self) -> tuple[type["UnreadableMail"], tuple[Problem, str]]:
        """Survive the way back from a worker process."""
        return type(self), (self.problem, self.message)
