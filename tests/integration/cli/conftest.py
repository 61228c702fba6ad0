"""A real config_service in a process of its own, and `esconfig` beside it."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config_service.cli import main
from tests.builders.processes import ROOT, Site, eventually

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Esconfig:
    """Runs commands against the site: in this process, or as the console script."""

    def __init__(self, site: Site, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.site = site
        self._capture = capture
        self._patch = patch
        self.token_file = site.folder / "token.json"

    def options(self, *, user: str = "admin", certificate: str = "server_business") -> list[str]:
        return [
            "--server", f"127.0.0.1:{self.site.config_port}", "--direct", "--pki", str(self.site.certs),
            "--certificate", certificate, "--token-file", str(self.token_file), *(["--user", user] if user else []),
        ]  # fmt: skip

    def __call__(self, *arguments: str, user: str = "admin", password: str = PASSWORD, stdin: str = "") -> Ran:
        """Run a command in this process."""
        import io

        self._patch.setenv("ESCONFIG_PASSWORD", password)
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capture.readouterr()
        with pytest.raises(SystemExit) as end:
            main([*self.options(user=user), *arguments])
        found = self._capture.readouterr()
        return Ran(int(end.value.code or 0), found.out, found.err)

    def script(self, *arguments: str, password: str = PASSWORD, stdin: str = "", user: str = "admin") -> Ran:
        """Run the console script."""
        done = subprocess.run(
            self.command(*arguments, user=user), input=stdin, capture_output=True, text=True, timeout=60, check=False,
            env=self.environment(password),
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str, user: str = "admin") -> list[str]:
        return [str(Path(sys.executable).parent / "esconfig"), *self.options(user=user), *arguments]

    def environment(self, password: str = PASSWORD) -> dict[str, str]:
        return {**os.environ, "ESCONFIG_PASSWORD": password, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}"}


@pytest.fixture(scope="session")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """config_service with its first administrator."""
    site = Site(tmp_path_factory.mktemp("site"))
    bootstrap = [
        str(Path(sys.executable).parent / "esconfig"), "users", "bootstrap", "admin", "--new-password-stdin",
        "--data", str(site.folder / "config_service"),
    ]  # fmt: skip
    done = subprocess.run(
        bootstrap, input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    process = site.start_config_service()

    async def serving() -> bool:
        return re.search(r'"event": "serving"|"serving"', process.text()) is not None

    try:
        asyncio.run(eventually(serving, within=60))
        yield site
    finally:
        site.close()


@pytest.fixture
def esconfig(running_site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Esconfig:
    return Esconfig(running_site, capfd, monkeypatch)
