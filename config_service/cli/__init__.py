"""esconfig, the administrators' command line (esServerconfig): `esconfig NOUN VERB`."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code; the console script `esconfig`."""
    from config_service.cli.app import run

    sys.exit(run(arguments))
