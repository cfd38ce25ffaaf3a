"""`mulgam prune [MODEL ...] --keep N`: remove old versions, never one that is served or could be gone back to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from mulgam import interruption, serving
from mulgam.errors import MulgamError, RegistryError
from mulgam.registry import Registry, opened
from mulgam.terminal import Parser

_NOTES = """\
Kept are the N highest versions of each model, every version that serving.json names (default, previous, canary,
shadow), where it names none the highest that verifies, and every version that a running service on this machine
holds. Numbers are never given again.
exit status: 0 done (what is in use is said and stays), 1 it could not be done, 2 wrong usage
"""


def removable(registry: Registry, model: str, keep: int) -> list[int]:
    """The versions of a model that neither `keep` nor the plan keeps, ascending.

    Raises:
        RegistryError: serving.json is damaged.
    """
    versions = registry.versions(model)
    choice = serving.read(registry).models.get(model)
    if choice is not None:
        needed = choice.versions
    else:
        newest, _ = registry.newest(model)
        needed = set() if newest is None else {newest.version}
    return [version for version in versions[:-keep] if version not in needed]


def prune(registry: Registry, models: list[str], keep: int, dry: bool) -> Iterator[str]:
    """Remove what is removable; one line for each version.

    Raises:
        RegistryError: there is no such model, a run is publishing, or the registry can't be written.
    """
    unknown = [model for model in models if model not in registry.models()]
    if unknown:
        raise RegistryError(f"{registry.root} holds no version of {unknown[0]!r}.")
    if registry.is_publishing():
        raise RegistryError(f"A run is publishing into {registry.root}; prune when it has ended.")
    with serving.changing(registry):  # a promotion in between could name what is going
        for model in models or registry.models():
            for version in removable(registry, model, keep):
                if dry:
                    size = sum(file.lstat().st_size for file in (registry.root / model / str(version)).iterdir())
                    yield f"{model} {version}: {_shown(size)} would be removed"
                    continue
                try:
                    yield f"{model} {version}: {_shown(registry.remove(model, version))} removed"
                except RegistryError as problem:
                    yield f"{model} {version}: kept. {problem}"


def main(arguments: list[str] | None = None) -> int:
    """0 when it was done, 1 with a sentence where not."""
    interruption.raise_again()
    given = _parser().parse_args(arguments)
    lines = 0
    try:
        registry = opened(given.registry)
        for line in prune(registry, given.models, given.keep, given.dry_run):
            print(line, flush=True)
            lines += 1
    except MulgamError as problem:
        print(f"mulgam prune: {problem}", file=sys.stderr)
        return 1
    if not lines:
        print("Nothing to remove.")
    return 0


def _shown(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _parser() -> Parser:
    parser = Parser(
        "mulgam prune",
        "Remove old versions, never one that is served or could be gone back to.",
        [("mulgam prune --keep 3 --dry-run", "what would go"), ("mulgam prune house-price --keep 1", "of one model")],
        _NOTES,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="none: all")
    parser.add_argument("--keep", type=_count, required=True, metavar="N", help="versions of each model, 1 at least")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_registry()
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
