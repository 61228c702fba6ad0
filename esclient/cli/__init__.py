"""esclient, the command line of people who work with servicecalls: `esclient calls VERB`, `esclient popups`."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code; the console script `esclient`."""
    from esclient.cli.app import run

    sys.exit(run(arguments))
