"""`mulgam promote MODEL [VERSION]` and `mulgam rollback MODEL`: which version is served."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mulgam import serving
from mulgam.errors import MulgamError
from mulgam.registry import Registry


def main(arguments: list[str] | None = None) -> int:
    """0 when it was written, 1 with a sentence where not."""
    given = _parser().parse_args(arguments)
    registry = Registry(given.registry)
    try:
        if given.action == "promote":
            plan = serving.promote(registry, given.model, given.version)
        else:
            plan = serving.rollback(registry, given.model)
    except MulgamError as problem:
        print(f"mulgam {given.action}: {problem}", file=sys.stderr)
        return 1
    print(f"{given.model}: version {plan.models[given.model].default} is to be served (generation {plan.generation})")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mulgam", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    promote = actions.add_parser("promote", help="serve this version")
    promote.add_argument("model")
    promote.add_argument("version", type=int, nargs="?", help="default: the highest that verifies")
    rollback = actions.add_parser("rollback", help="serve the version that was served before")
    rollback.add_argument("model")
    for action in (promote, rollback):
        action.add_argument(
            "--registry", type=Path, default=Path(os.environ.get("MULGAM_REGISTRY") or "registry"), help="(registry)"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
