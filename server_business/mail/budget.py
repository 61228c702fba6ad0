"""What one mail may cost. A mail beyond it is refused before it costs more; it stays as it came."""

from dataclasses import dataclass

from server_business.mail.problems import Problem, UnreadableMail


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Upper bounds per mail, inclusive.

    Args:
        size: bytes of the mail as it came.
        lines: of the mail; each costs an object while it is parsed.
        header_bytes: of the head of the mail.
        headers: in the head and in all parts together.
        parts: of all levels together, the mail itself counting.
        depth: of parts in parts.
        cpu_seconds: of the parsing thread, so that a busy machine refuses nothing it would read when idle.
    """

    size: int = 50 * 1024 * 1024
    lines: int = 1_000_000
    header_bytes: int = 256 * 1024
    headers: int = 5_000
    parts: int = 500
    depth: int = 20
    cpu_seconds: float = 20.0


class Spent:
    """Counts what a mail has cost so far; each raises UnreadableMail when it is too much."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._headers = 0
        self._parts = 0

    def headers(self, count: int) -> None:
        """Count header fields."""
        self._headers += count
        if self._headers > self.budget.headers:
            raise UnreadableMail(Problem.TOO_MANY_HEADERS, f"the mail has more than {self.budget.headers} header lines")

    def part(self) -> None:
        """Count one part."""
        self._parts += 1
        if self._parts > self.budget.parts:
            raise UnreadableMail(Problem.TOO_MANY_PARTS, f"the mail has more than {self.budget.parts} parts")
