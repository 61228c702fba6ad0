"""`python -m tests.simulation --seed 7 --weeks 3 --employees 500 --calls 20000`: a run of any size."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from tests.simulation.deadlines import Broken
from tests.simulation.run import Size, run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weeks", type=float, default=2)
    parser.add_argument("--employees", type=int, default=500)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument(
        "--acts", type=int, default=0, help="what people do in all (default: six per employee and week)"
    )
    parser.add_argument("--database", default="", help="an empty one (default: a new SQLite file)")
    said = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    size = Size(said.weeks, said.employees, said.calls, said.acts or int(6 * said.employees * said.weeks))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        url = said.database or f"sqlite:///{folder}/simulation.db"
        try:
            report = run(said.seed, size, url, Path(folder))
        except Broken as broken:
            print(broken)
            return 1
    for name, figure in sorted(report.figures.items()):
        print(f"{name:14} {figure}")
    print(f"journal        {report.digest}")
    print(f"seconds        {time.perf_counter() - began:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
