"""`python -m config_service.cli` is `esconfig`."""

from config_service.cli import main

if __name__ == "__main__":
    main()
