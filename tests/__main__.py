"""`python -m tests [--all]`: every test, in parts: side by side where that is no matter, one after the other where a
real service is timed. What follows `--` goes to each pytest (`python -m tests -- -x -k registry`)."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
    # Sockets of the file system have short names; the folders of pytest, side by side, have long ones.
    folder = Path(tempfile.mkdtemp(prefix="t-"))
    for number, (name, marks, is_beside) in enumerate(parts(given.all)):
        began = time.monotonic()
        print(f"tests: {name}", flush=True)
        status = subprocess.call([*command(marks, is_beside), f"--basetemp={folder / str(number)}", *given.rest])
        print(f"tests: {name}: {time.monotonic() - began:.0f} s", flush=True)
        if status == INTERRUPTED:
            return status
        worst = max(worst, 0 if status == NOTHING_COLLECTED else status)
    if worst:
        print(f"tests: what they left lies in {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return worst


def parts(has_slow: bool) -> list[tuple[str, str, bool]]:
    """Each part's name, the marks that choose it, and whether its tests run side by side."""
    found = [
        ("without services", "not live", True),
        ("with services, untimed", "live and beside", True),
        ("with services, timed", "live and not beside", False),
    ]
    return found if has_slow else [(name, f"{marks} and not slow", beside) for name, marks, beside in found]


def command(marks: str, is_beside: bool) -> list[str]:
    """The command of one part."""
    workers = str(min(len(os.sched_getaffinity(0)), MOST_WORKERS))
    # A file's tests share what it has set up. Of those with services a few files have most of the tests: half each.
    how = "worksteal" if marks.startswith("live") else "loadfile"
    told = ["--durations=10", "--durations-min=10"]
    return [sys.executable, "-m", "pytest", "-m", marks, *told, *(["-n", workers, "--dist", how] if is_beside else [])]


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
