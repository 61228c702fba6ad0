"""Runs config_service under its supervisor: `python -m config_service --data … --certs … --listen …`."""

from mesh.supervisor import main

if __name__ == "__main__":
    raise SystemExit(main("config_service.app:definition"))
