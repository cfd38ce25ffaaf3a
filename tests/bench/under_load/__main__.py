"""`python -m tests.bench.under_load`: see `--help`."""

from tests.bench.under_load.command import main

if __name__ == "__main__":
    raise SystemExit(main())
