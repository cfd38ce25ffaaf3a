"""`python -m tests.bench`: see `--help`."""

from tests.bench.command import main

if __name__ == "__main__":
    raise SystemExit(main())
