"""The settings of the documents as the room works with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Self
from zoneinfo import ZoneInfo

from esoffice.config.v1 import business_settings_pb2

from server_business.documents.rules import Structures, retained_until, structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What administrators chose; see `DocumentSettings` of the contract."""

    check_out: timedelta = timedelta(days=7)
    upload_keep: timedelta = timedelta(days=2)
    verify: timedelta = timedelta(days=30)
    structures: Structures = field(default_factory=dict)
    retention_years: Mapping[str, int] = field(default_factory=dict)
    scans: bool = False
    zone: tzinfo

    @classmethod
    def of(cls, said: business_settings_pb2.DocumentSettings, time_zone: str) -> Self:
        """Read them from the contract's message, whose defaults are filled in."""
        return cls(
            check_out=said.check_out_duration.ToTimedelta(),
            upload_keep=said.upload_keep_duration.ToTimedelta(),
            verify=said.verify_duration.ToTimedelta(),
            structures={
                kind: structure(kind, {id_: (one.title, one.parent) for id_, one in fixed.folders.items()})
                for kind, fixed in said.structures.items()
            },
            retention_years={kind: one.years for kind, one in said.retentions.items()},
            scans=bool(said.virus_scan.address),
            zone=ZoneInfo(time_zone),
        )

    def retained_until(self, document: Any, *, kind: str | None = None) -> datetime | None:
        """Return until when a document must be kept; None: not at all.

        Args:
            document: its row.
            kind: the kind it would have; None: its own.
        """
        years = self.retention_years.get(document.kind if kind is None else kind)
        return retained_until(document.create_time, years, self.zone)
