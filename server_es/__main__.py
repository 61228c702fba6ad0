"""Runs server_es under its supervisor: `python -m server_es --data … --certs … --listen …`."""

from mesh.supervisor import main

if __name__ == "__main__":
    raise SystemExit(main("server_es.app:definition"))
