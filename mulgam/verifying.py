"""`python -m mulgam.verifying FOLDER`: whether a registry can be served: a version of each model, and all verify."""

from __future__ import annotations

import sys
from pathlib import Path

from mulgam import serving
from mulgam.errors import MulgamError
from mulgam.registry import opened


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each model, 0; or what is wrong, 1."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    try:
        registry = opened(Path(folder))
        found, refused = serving.resolve(registry, serving.read(registry))
    except MulgamError as problem:
        print(problem, file=sys.stderr)
        return 1
    for one in refused:
        print(one, file=sys.stderr)
    if not found and not refused:
        print(f"{folder} holds no model.", file=sys.stderr)
    for model, entry in found.items():
        signer = f", signed with the key {entry.signer}" if entry.signer else ""
        print(f"{model}: version {entry.version}, digest {entry.digest}{signer}")
    return 1 if refused or not found else 0


if __name__ == "__main__":
    sys.exit(main())
