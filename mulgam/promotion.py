"""`mulgam promote`, `rollback`, `canary` and `shadow`: which versions of a model are served, and how."""

from __future__ import annotations

import argparse
import sys

from mulgam import interruption, serving
from mulgam.errors import MulgamError
from mulgam.registry import Registry, opened
from mulgam.serving import CANARY, SHADOW, Plan
from mulgam.terminal import Parser

_SHARE = 0.05
_NOTES = """\
A running service follows within a second, and loses no request.
exit status: 0 written, 1 it could not be (why is said), 2 wrong usage
"""


def main(arguments: list[str] | None = None) -> int:
    """0 when it was written, 1 with a sentence where not."""
    interruption.raise_again()
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.action in (CANARY, SHADOW) and given.off == (given.version is not None):
        parser.error(f"{given.action} wants a VERSION or --off")
    try:
        plan = _written(opened(given.registry), given)
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


def _parser() -> Parser:
    parser = Parser("mulgam", __doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    promote = actions.add_parser(
        "promote",
        description="Serve another version of a model, without a restart; canary and shadow end.",
        examples=[("mulgam promote house-price 2", ""), ("mulgam promote house-price", "the canary, or the highest")],
        notes=_NOTES,
    )
    promote.add_argument("model", metavar="MODEL", help="its name in the registry")
    promote.add_argument("version", type=int, nargs="?", help="without it: the canary, else the highest that verifies")
    rollback = actions.add_parser(
        "rollback",
        description="Serve the version that was served before; canary and shadow end. A second time: forth again.",
        examples=[("mulgam rollback house-price", "")],
        notes=_NOTES,
    )
    rollback.add_argument("model", metavar="MODEL", help="its name in the registry")
    canary = actions.add_parser(
        CANARY,
        description="Give a share of the requests to another version, the same callers always.",
        examples=[("mulgam canary house-price 3 --share 0.1", ""), ("mulgam canary house-price --off", "end it")],
        notes=_NOTES,
    )
    shadow = actions.add_parser(
        SHADOW,
        description="Let another version compute the requests as well, without answering.",
        examples=[("mulgam shadow house-price 3", ""), ("mulgam shadow house-price --off", "end it")],
        notes=_NOTES,
    )
    for action in (canary, shadow):
        action.add_argument("model", metavar="MODEL", help="its name in the registry")
        action.add_argument("version", type=int, nargs="?", help="which one; not the default")
        action.add_argument("--off", action="store_true", help="end it: the default takes all requests")
    canary.add_argument(
        "--share", type=float, default=_SHARE, help="of the requests, between 0 and 1; a larger one "
        "keeps the callers that a smaller one had"
    )  # fmt: skip
    for action in (promote, rollback, canary, shadow):
        action.add_registry()
    return parser


if __name__ == "__main__":
    sys.exit(main())
