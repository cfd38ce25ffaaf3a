"""`mulgam promote`, `rollback`, `canary` and `shadow`: which versions of a model are served, and how."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mulgam import serving
from mulgam.errors import MulgamError
from mulgam.registry import Registry
from mulgam.serving import CANARY, SHADOW, Plan

_SHARE = 0.05


def main(arguments: list[str] | None = None) -> int:
    """0 when it was written, 1 with a sentence where not."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.action in (CANARY, SHADOW) and given.off == (given.version is not None):
        parser.error(f"{given.action} wants a VERSION or --off")
    try:
        plan = _written(Registry(given.registry), given)
    except MulgamError as problem:
        print(f"mulgam {given.action}: {problem}", file=sys.stderr)
        return 1
    print(f"{given.model}: {_sentence(plan, given)} (generation {plan.generation})")
    return 0


def _written(registry: Registry, given: argparse.Namespace) -> Plan:
    """Write what was asked for."""
    if given.action == "promote":
        return serving.promote(registry, given.model, given.version)
    if given.action == "rollback":
        return serving.rollback(registry, given.model)
    if given.off:
        return serving.end(registry, given.model, given.action)
    if given.action == CANARY:
        return serving.canary(registry, given.model, given.version, given.share)
    return serving.shadow(registry, given.model, given.version)


def _sentence(plan: Plan, given: argparse.Namespace) -> str:
    choice = plan.models[given.model]
    if given.action in ("promote", "rollback"):
        return f"version {choice.default} is to be served"
    if given.off:
        return f"version {choice.default} is to be served without a {given.action}"
    if given.action == CANARY:
        percent = f"{100 * choice.share:g} %"
        return f"version {choice.canary} is to get {percent} of the requests, version {choice.default} the rest"
    return f"version {choice.shadow} is to compute beside version {choice.default}, which answers"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mulgam", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    promote = actions.add_parser("promote", help="serve this version; canary and shadow end")
    promote.add_argument("model")
    promote.add_argument(
        "version", type=int, nargs="?", help="default: the canary, without one the highest that verifies"
    )
    rollback = actions.add_parser("rollback", help="serve the version that was served before; canary and shadow end")
    rollback.add_argument("model")
    canary = actions.add_parser(CANARY, help="give a share of the requests to another version")
    shadow = actions.add_parser(SHADOW, help="let another version compute the requests as well, without answering")
    for action in (canary, shadow):
        action.add_argument("model")
        action.add_argument("version", type=int, nargs="?", help="which one; not the default")
        action.add_argument("--off", action="store_true", help="end it: the default takes all requests")
    canary.add_argument(
        "--share", type=float, default=_SHARE, help="of the requests, between 0 and 1 (%(default)s); a larger one "
        "keeps the callers that a smaller one had"
    )  # fmt: skip
    for action in (promote, rollback, canary, shadow):
        action.add_argument(
            "--registry", type=Path, default=Path(os.environ.get("MULGAM_REGISTRY") or "registry"), help="(registry)"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
