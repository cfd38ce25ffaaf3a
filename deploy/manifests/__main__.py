"""`python -m deploy.manifests`: render every combination into build/manifests, and check each (`make manifests`)."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path

from deploy.manifests import checks
from deploy.manifests.objects import Manifests
from deploy.manifests.rendering import ROOT, RenderError, combinations, render
from deploy.manifests.schemas import KUBERNETES_VERSION, Schemas


def main() -> int:
    """0 where every combination passes; 1 with what is wrong."""
    given = _arguments()
    if importlib.util.find_spec("kubernetes_validate") is None:
        print("manifests: the schemas are not installed; `make manifests` does that.", file=sys.stderr)
        return 1
    shutil.rmtree(given.output, ignore_errors=True)
    given.output.mkdir(parents=True)
    schemas, wrong, count = Schemas(), 0, 0
    for combination in combinations():
        try:
            text = render(combination)
        except RenderError as problem:
            print(f"manifests: {problem}", file=sys.stderr)
            return 1
        (given.output / f"{combination}.yaml").write_text(text, encoding="utf-8")
        manifests = Manifests.parsed(text)
        for sentence in (*schemas.violations(manifests), *checks.violations(manifests)):
            print(f"manifests: {combination}: {sentence}", file=sys.stderr)
            wrong += 1
        count += 1
    print(f"manifests: {count} combinations in {given.output}, against Kubernetes {KUBERNETES_VERSION}: {wrong} wrong")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.manifests", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "manifests", help="where they are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
