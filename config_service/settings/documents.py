"""What may be wrong with the settings of documents."""

from collections.abc import Iterator
from typing import Final

from esoffice.config.v1 import business_settings_pb2

from mesh.errors import Violation

_DOCUMENTS: Final = "server_business.documents"


def documents(said: business_settings_pb2.DocumentSettings) -> Iterator[Violation]:
    """Say what the chosen store lacks."""
    if said.folder and not said.folder.startswith("/"):
        yield Violation(f"{_DOCUMENTS}.folder", "must be an absolute path")
    if said.store == said.STORE_WEBDAV and not said.webdav.url:
        yield Violation(f"{_DOCUMENTS}.webdav.url", "STORE_WEBDAV needs the address of a collection")
    if said.store == said.STORE_S3 and not said.s3.bucket:
        yield Violation(f"{_DOCUMENTS}.s3.bucket", "STORE_S3 needs the name of a bucket")
