"""`python -m esclient.cli` is `esclient`."""

from esclient.cli import main

if __name__ == "__main__":
    main()
