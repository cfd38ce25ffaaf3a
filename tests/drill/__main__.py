"""`python -m tests.drill [--only NAME,…]`: run the drills and print their table; 1 where a promise was broken."""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

from tests.drill import backends, damage, machine, overload, processes, registry, steady, stopping
from tests.drill.results import HEAD, Drill, Result, conditions, exit_status

DRILLS: dict[str, Drill] = {
    "worker": processes.killed_worker,
    "java": processes.killed_java,
    "gateway": processes.killed_gateway,
    "stopped": processes.stopped_worker,
    "backend": backends.faulty_backend,
    "queue": overload.full_queue,
    "steady": steady.half_of_capacity,
    "overload": overload.three_times_too_much,
    "disk": machine.full_disk,
    "descriptors": machine.no_descriptors,
    "clock": machine.clock_jump,
    "corrupt": registry.corrupt_while_serving,
    "bad-version": registry.bad_version,
    "swaps": registry.swaps_under_load,
    "flips": damage.flips_and_truncations,
    "damaged": damage.damaged_while_serving,
    "planted": damage.planted_payloads,
    "sigterm": stopping.sigterm_under_load,
    "rolling": stopping.rolling_restart,
}


def main() -> int:
    """Run what was asked for; a drill that raises is a broken promise, too."""
    names = _names()
    print(f"{conditions()}\n\n{HEAD}", flush=True)
    results: list[Result] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="drill-") as folder:
            try:
                for result in DRILLS[name](Path(folder)):
                    results.append(result)
                    print(result.line(), flush=True)
            except Exception as problem:
                traceback.print_exc()
                results.append(Result(name, "the drill itself works", f"{type(problem).__name__}: {problem}", False))
                print(results[-1].line().splitlines()[0], flush=True)
    print(f"\n{conditions()}")
    return exit_status(results)


def _names() -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help=f"of {', '.join(DRILLS)}")
    names = [name for name in parser.parse_args().only.split(",") if name] or list(DRILLS)
    for name in names:
        if name not in DRILLS:
            parser.error(f"there is no drill {name!r}; there are {', '.join(DRILLS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
