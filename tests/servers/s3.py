"""An S3 server (moto) in a process of its own, with an empty versioned bucket."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.builders.processes import free_port

KEY, SECRET = "dms", "geheim"


@dataclass(frozen=True)
class Server:
    """A running server."""

    endpoint: str
    client: Any

    def bucket(self, name: str) -> str:
        """Make a bucket that keeps versions."""
        self.client.create_bucket(Bucket=name)
        self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run it until the block ends."""
    import boto3

    port = free_port()
    with (folder / "s3.log").open("ab") as log:
        command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": ""})
    endpoint = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{endpoint}/moto-api/")
                break
            except httpx.HTTPError:
                assert process.poll() is None, (folder / "s3.log").read_text()
                assert time.monotonic() < until
                threading.Event().wait(0.1)
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
        )
        yield Server(endpoint, client)
        client.close()
    finally:
        process.terminate()
        process.wait(10)
