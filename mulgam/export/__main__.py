"""`mulgam export --to torchserve|triton|kserve`: versions of the registry in the form that another server takes."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from mulgam import interruption, serving
from mulgam.errors import MulgamError, RegistryError
from mulgam.export import kserve, triton
from mulgam.registry import Entry, Registry, opened
from mulgam.terminal import Parser

_TORCHSERVE, _TRITON, _KSERVE = "torchserve", "triton", "kserve"
_NOTES = """\
torchserve takes the words of `python -m handler pack --help`: --entry, --store, --runtime, --workers and others.
What the gateway does and the exported graph does not, and how to serve with either: deploy/README.md, "Elsewhere".
exit status: 0 exported, 1 it could not be done, 2 wrong usage
"""


def main(arguments: list[str] | None = None) -> int:
    """Export and print one path a line; 0 when it was done, 1 with a sentence where not."""
    interruption.raise_again()
    words = sys.argv[1:] if arguments is None else arguments
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--to", default="")
    chosen, rest = first.parse_known_args(words)
    if chosen.to == _TORCHSERVE or (not chosen.to and not {"-h", "--help"} & {*rest}):
        return _packed(rest)
    parser = _parser()
    given = parser.parse_args(words)
    if given.to == _KSERVE and given.storage_uri is None:
        parser.error("--to kserve needs --storage-uri, where you upload what is exported to")
    try:
        for path in _exported(given):
            print(path)
    except MulgamError as problem:
        print(f"mulgam export: {problem}", file=sys.stderr)
        return 1
    return 0


def _packed(words: list[str]) -> int:
    """Archives are made by the room that knows the handler; started by name, as every room is."""
    sys.argv = ["mulgam export", "pack", *words]
    runpy.run_module("handler", run_name="__main__", alter_sys=True)
    return 0


def _exported(given: argparse.Namespace) -> list[Path]:
    entries = _entries(opened(given.registry), given.entry)
    if given.to == _TRITON:
        return triton.write(entries, given.store, triton.Options(given.device, given.instances, given.max_batch_rows))
    options = kserve.Options(given.storage_uri, given.predictor, given.device, given.image)
    return kserve.write(entries, given.store, options)


def _entries(registry: Registry, named: list[tuple[str, int]]) -> list[Entry]:
    """The versions that are named; where none is, those that are served."""
    if named:
        return [registry.entry(model, version) for model, version in dict.fromkeys(named)]
    found, refused = serving.resolve(registry, serving.read(registry))
    if refused:
        raise refused[0]
    if not found:
        raise RegistryError(f"{registry.root} holds no model.")
    return [*found.values()]


def _parser() -> Parser:
    parser = Parser(
        "mulgam export",
        "Write versions of the registry in the form that another server takes.",
        [
            ("mulgam export --to triton --store models", "what is served, as Triton's model repository"),
            ("mulgam export --to torchserve --entry house-price:1 --store store", "an archive"),
        ],
        _NOTES,
        allow_abbrev=False,
    )
    parser.add_argument("--to", choices=(_TORCHSERVE, _TRITON, _KSERVE), default=_TORCHSERVE, help="which server")
    parser.add_registry()
    parser.add_argument("--entry", type=_entry, action="append", default=[], metavar="MODEL:VERSION",
                        help="a version to export; may be repeated (those that are served)")  # fmt: skip
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="where it goes: a folder of its own")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where the models run")
    parser.add_argument("--instances", type=_count, default=1, metavar="N", help="triton: of each model, on each GPU")
    parser.add_argument("--max-batch-rows", type=_count, default=1024, metavar="N", help="triton: rows in one run")
    parser.add_argument("--storage-uri", type=kserve.storage_uri, metavar="URI",
                        help="kserve: where you upload the folder to, such as s3://bucket/models")  # fmt: skip
    parser.add_argument("--predictor", choices=kserve.PREDICTORS, default=kserve.PREDICTORS[0],
                        help="kserve: what computes")  # fmt: skip
    parser.add_argument("--image", default="", help="kserve, predictor mulgam: the image's name in your registry")
    return parser


def _entry(text: str) -> tuple[str, int]:
    model, _, version = text.partition(":")
    if not model or not (version.isascii() and version.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not MODEL:VERSION, such as house-price:1")
    return model, int(version)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
