"""`python -m tests [--all]`: every test, in parts: side by side where that is no matter, one after the other where a
real service is timed. What follows `--` goes to each pytest (`python -m tests -- -x -k registry`)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

# More at a time gained little: the longest file alone takes as long as half of the rest.
MOST_WORKERS = 4
INTERRUPTED, NOTHING_COLLECTED = 2, 5


def main() -> int:
    """Run the parts; the worst exit status of them."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--all", action="store_true", help="the slow ones, too")
    parser.add_argument("rest", nargs="*", metavar="-- WORD", help="for pytest")
    given = parser.parse_args()
    worst = 0
    for name, marks, is_beside in parts(given.all):
        began = time.monotonic()
        print(f"tests: {name}", flush=True)
        status = subprocess.call([*command(marks, is_beside), *given.rest])
        print(f"tests: {name}: {time.monotonic() - began:.0f} s", flush=True)
        if status == INTERRUPTED:
            return status
        worst = max(worst, 0 if status == NOTHING_COLLECTED else status)
    return worst


def parts(has_slow: bool) -> list[tuple[str, str, bool]]:
    """Each part's name, the marks that choose it, and whether its tests run side by side."""
    if not has_slow:
        return [("without services", "not live and not slow", True), ("with real services", "live and not slow", False)]
    return [
        ("without services", "not live", True),
        ("with real services", "live and not pages", False),
        ("the commands of every page", "pages", True),
    ]


def command(marks: str, is_beside: bool) -> list[str]:
    """The command of one part."""
    workers = min(len(os.sched_getaffinity(0)), MOST_WORKERS)
    # A file's tests share what it has set up, so they stay together.
    beside = ["-n", str(workers), "--dist", "loadfile" if marks != "pages" else "load"] if is_beside else []
    return [sys.executable, "-m", "pytest", "-m", marks, *beside]


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
