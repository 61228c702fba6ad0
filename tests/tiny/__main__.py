"""Runs the tiny service under its supervisor."""

from mesh.supervisor import main

if __name__ == "__main__":
    raise SystemExit(main("tests.tiny.app:definition"))
