"""An S3 bucket as store, with versioning: a key is the SHA-256, the locator the version that was written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from server_business.documents.content_store import PIECE, Missing, Parcel, StoreAway

_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed", "405"})
_PAST_THE_END: Final = frozenset({"416", "InvalidRange"})


class S3:
    """A bucket.

    Args:
        endpoint: address of the server; empty: Amazon's own of the region.
        bucket: its name; it must exist.
        prefix: of all keys, such as `documents/`.
        region, access_key, secret_key: as the server wants them.
    """

    name = "s3"

    def __init__(
        self, *, endpoint: str, bucket: str, prefix: str = "", region: str = "", access_key: str, secret_key: str
    ) -> None:
        import boto3
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        self._bucket = bucket
        self._prefix = prefix
        self._where = f"{endpoint or 'S3'}/{bucket}"
        self._client: Any = boto3.client(
            "s3", endpoint_url=endpoint or None, region_name=region or "us-east-1", aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}),
        )  # fmt: skip
        self._transfer = TransferConfig(max_concurrency=4)  # bounds memory: 8 MiB a part

    def put(self, parcels: Sequence[Parcel]) -> list[str]:
        return [self._put(one) for one in parcels]

    def read(self, sha256: str, locator: str, offset: int = 0) -> Iterator[bytes]:
        wanted = self._version(sha256, locator) | ({"Range": f"bytes={offset}-"} if offset else {})
        with self._errors():
            try:
                body = self._client.get_object(**wanted)["Body"]
            except Exception as error:
                if _code(error) in _PAST_THE_END:
                    return
                raise
            try:
                yield from body.iter_chunks(PIECE)
            finally:
                body.close()

    def remove(self, sha256: str, locator: str) -> None:
        del locator  # every version of the key holds the same bytes: all of them go, and the markers
        key = self._key(sha256)
        with self._errors():
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
            for page in pages:
                for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    if one["Key"] == key:
                        self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=one["VersionId"])

    def forgets(self, locator: str) -> bool:  # noqa: ARG002 - every version can be deleted
        return True

    def has(self, sha256: str, locator: str) -> bool:
        try:
            with self._errors():
                self._client.head_object(**self._version(sha256, locator))
        except Missing:
            return False
        return True

    def close(self) -> None:
        self._client.close()

    def _put(self, parcel: Parcel) -> str:
        key = self._key(parcel.sha256)
        with self._errors():
            if parcel.file is None:
                made = self._client.put_object(Bucket=self._bucket, Key=key, Body=parcel.data or b"")
                return str(made.get("VersionId", ""))
            with parcel.file.open("rb") as file:
                self._client.upload_fileobj(file, self._bucket, key, Config=self._transfer)
            found = self._client.head_object(Bucket=self._bucket, Key=key)
        if found["ContentLength"] != parcel.size:
            raise StoreAway(f"{self._where} has {found['ContentLength']} bytes of {key}, not {parcel.size}.")
        return str(found.get("VersionId", ""))

    def _key(self, sha256: str) -> str:
        return f"{self._prefix}{sha256[:2]}/{sha256}"

    def _version(self, sha256: str, locator: str) -> dict[str, str]:
        named = {"Bucket": self._bucket, "Key": self._key(sha256)}
        return named | ({"VersionId": locator} if locator else {})

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            if _code(error) in _GONE:
                raise Missing(f"{self._where}: it is not there") from error
            raise StoreAway(f"{self._where}: {error}.") from error
        except (BotoCoreError, Boto3Error) as error:
            raise StoreAway(f"{self._where} does not answer: {error}.") from error


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
