"""A real Apache with a Subversion repository (WebDAV with versions) and a plain WebDAV folder, on a free port.

Needs Debian's `apache2-bin`, `libapache2-mod-svn` and `subversion`.
"""

import base64
import hashlib
import os
import pwd
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.builders.processes import free_port

MODULES = Path("/usr/lib/apache2/modules")
USER, PASSWORD = "dms", "geheim"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def missing() -> str:
    """Return what the machine lacks, or an empty text."""
    lacks = [one for one in ("apache2", "svnadmin", "svn") if shutil.which(one, path=_PATH) is None]
    lacks += [] if (MODULES / "mod_dav_svn.so").exists() else ["mod_dav_svn"]
    return f"no {', '.join(lacks)}: apt-get install apache2-bin libapache2-mod-svn subversion" if lacks else ""


@dataclass(frozen=True)
class Apache:
    """A running server. `repository` is the one behind `svn`, `folder` the one behind `plain`."""

    svn: str
    plain: str
    repository: Path
    folder: Path


@contextmanager
def running() -> Iterator[Apache]:
    """Run it until the block ends; both collections are empty and want `USER` and `PASSWORD`.

    In a folder of its own: those of pytest are closed to the user Apache runs as.
    """
    with TemporaryDirectory(prefix="apache-") as folder:
        yield from _running(Path(folder))


def _running(folder: Path) -> Iterator[Apache]:
    port, repository, plain = free_port(), folder / "repository", folder / "plain"
    subprocess.run(["svnadmin", "create", repository], check=True)
    plain.mkdir()
    for name in ("run", "plain/documents"):
        (folder / name).mkdir()
    made = f"file://{repository}/documents"
    subprocess.run(["svn", "mkdir", "-q", "-m", "begin", made], check=True, stdout=subprocess.DEVNULL)
    (folder / "passwords").write_text(f"{USER}:{_hashed(PASSWORD)}\n")
    (folder / "apache.conf").write_text(_configuration(folder, port))
    if os.getuid() == 0:
        _give(folder, "www-data")
    with (folder / "log").open("ab") as log:
        command = [shutil.which("apache2", path=_PATH) or "apache2", "-f", str(folder / "apache.conf"), "-DFOREGROUND"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/plain/", process, folder)
        address = f"http://127.0.0.1:{port}"
        yield Apache(f"{address}/svn/documents", f"{address}/plain/documents", repository, plain / "documents")
    finally:
        process.terminate()
        process.wait(10)


def _configuration(folder: Path, port: int) -> str:
    loaded = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in (
            "mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs",
            "dav_lock", "dav_svn",
        )
    )  # fmt: skip
    auth = f'AuthType Basic\nAuthName dms\nAuthUserFile "{folder}/passwords"\nRequire valid-user'
    user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
    return f"""
ServerName localhost
ServerRoot "{folder}"
Listen 127.0.0.1:{port}
PidFile "{folder}/run/pid"
ErrorLog "{folder}/error.log"
DefaultRuntimeDir "{folder}/run"
{loaded}
{user}
StartServers 1
MinSpareThreads 1
ThreadsPerChild 8
MaxRequestWorkers 8
DAVLockDB "{folder}/run/locks"
DocumentRoot "{folder}"
<Location /svn>
  DAV svn
  SVNPath "{folder}/repository"
  SVNAutoversioning on
  {auth}
</Location>
<Location /plain>
  DAV on
  {auth}
</Location>
"""


def _hashed(password: str) -> str:
    """Return a password as Apache's `{SHA}` has it."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def _give(folder: Path, owner: str) -> None:
    user = pwd.getpwnam(owner)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)


def _wait(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            httpx.get(url)
        except httpx.HTTPError:
            said = (folder / "log").read_text() + (folder / "error.log").read_text() if process.poll() else ""
            assert process.poll() is None, said
            assert time.monotonic() < until
            threading.Event().wait(0.05)
        else:
            return
