"""Turns of phrase that Envoy's configuration repeats."""

from datetime import timedelta
from typing import Any

# The source "ask on the stream you came with".
ADS: dict[str, Any] = {"ads": {}, "resource_api_version": "V3"}


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    """Return the configuration of an extension; `kind` is the full name of its message."""
    return {"@type": f"type.googleapis.com/{kind}", **fields}


def seconds(duration: timedelta) -> str:
    """Return a duration as protobuf's JSON has it."""
    return f"{duration.total_seconds():g}s"
