"""The token of the last sign-in, kept for the next commands in a file that only its owner may read."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import typer

from mesh import private_files
from mesh.errors import FailedPrecondition


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptToken:
    """A token, the server it was got from, the only one it is sent to, and until when it is good."""

    server: str
    user: str
    token: str = field(repr=False)
    expire_time: datetime


def default_file() -> Path:
    """Return the file in the user's own configuration folder."""
    return Path(typer.get_app_dir("esconfig")) / "token.json"


def keep(file: Path, kept: KeptToken) -> None:
    """Write the token, in place of the one before."""
    private_files.make_folder(file.parent)
    content = {**asdict(kept), "expire_time": kept.expire_time.isoformat()}
    private_files.replace(file, json.dumps(content).encode())


def read(file: Path, server: str) -> KeptToken | None:
    """Return the token for a server, or None.

    Raises:
        FailedPrecondition: others may read the file.
    """
    if not file.exists():
        return None
    content = private_files.read(file)
    try:
        state = json.loads(content)
        kept = KeptToken(**{**state, "expire_time": datetime.fromisoformat(state["expire_time"])})
    except (ValueError, KeyError, TypeError) as wrong:
        raise FailedPrecondition(f"{file}: is damaged; run `esconfig sign-in` again.") from wrong
    return kept if kept.server == server else None


def forget(file: Path) -> None:
    """Delete the token."""
    file.unlink(missing_ok=True)
