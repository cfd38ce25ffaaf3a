"""`python -m tests.bench.training`: see `--help`."""

from tests.bench.training.command import main

if __name__ == "__main__":
    raise SystemExit(main())
