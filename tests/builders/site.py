"""A site with certificates and signing keys, at a time that stands still."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from config_service import pki
from mesh.clock import ManualClock

START = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
SITE = "muster"


def clock() -> ManualClock:
    return ManualClock(START)


def site(folder: Path, *services: str, name: str = SITE, now: datetime = START, days: int = 90) -> Path:
    """Make a site's CA and certificates for `services` under `folder`."""
    pki.init_site(folder, name, ManualClock(now))
    for service in services:
        pki.issue(folder, service, now=now, ip=["127.0.0.1"], lifetime=timedelta(days=days))
    return folder
