"""What one mail may cost. A mail beyond it is refused before it costs more; it stays as it came."""

from dataclasses import dataclass


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
