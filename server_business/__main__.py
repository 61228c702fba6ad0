"""Runs server_business under its supervisor: `python -m server_business --data … --certs … --listen …`."""

from mesh.supervisor import main

if __name__ == "__main__":
    raise SystemExit(main("server_business.app:definition"))
