"""`python -m handler pack`: archives for TorchServe, from versions of the registry."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from handler.archive import RUNTIMES, WorkerOptions, pack
from mulgam.errors import MulgamError
from mulgam.registry import opened
from mulgam.terminal import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack the versions that the command line names and print one path a line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        workers = WorkerOptions(
            options.workers, options.batch_size, options.max_batch_delay,
            options.response_timeout, options.startup_timeout,
        )  # fmt: skip
        registry = opened(options.registry)
        # All are verified before the first is written.
        entries = [registry.entry(model, version) for model, version in options.entry]
        for entry in entries:
            print(pack(entry, options.runtime, options.store, workers))
    except MulgamError as problem:
        print(f"handler: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> Parser:
    parser = Parser("python -m handler", __doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("pack", description="Write <model>-<version>.mar for each entry.", allow_abbrev=False)
    default = WorkerOptions()
    one.add_registry()
    one.add_argument("--entry", type=_entry, action="append", required=True, metavar="MODEL:VERSION",
                     help="a version to pack; may be repeated")  # fmt: skip
    one.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0], help="what runs the model")
    one.add_argument("--store", type=Path, required=True, metavar="DIR", help="where the archives go")
    one.add_argument("--workers", type=int, default=default.workers, help="processes for each model")
    one.add_argument("--batch-size", type=int, default=default.batch_size, help="most requests in one run")
    one.add_argument("--max-batch-delay", type=int, default=default.max_batch_delay, help="milliseconds")
    one.add_argument("--response-timeout", type=int, default=default.response_timeout, help="seconds")
    one.add_argument("--startup-timeout", type=int, default=default.startup_timeout, help="seconds")
    return parser


def _entry(text: str) -> tuple[str, int]:
    model, _, version = text.partition(":")
    if not model or not (version.isascii() and version.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not MODEL:VERSION, such as house-price:1")
    return model, int(version)


if __name__ == "__main__":
    sys.exit(main())
