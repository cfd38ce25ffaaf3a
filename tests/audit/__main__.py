"""`python -m tests.audit`: run every check; exit status 0 where none found anything, 1 with the findings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests import groups
from tests.audit import code, floors, materials, secrets
from tests.processes import ROOT

# Of the group "audit" in pyproject.toml.
MODULES = ("bandit", "cyclonedx_py", "detect_secrets")
CHECKS = {
    "versions above those with known holes": floors.findings,
    "bandit, medium or higher": code.findings,
    "secrets in tracked files": secrets.findings,
}


def main() -> int:
    """A line for each check, then what was found."""
    given = _arguments()
    if groups.missing(MODULES) and (not groups.install("audit") or groups.missing(MODULES)):
        print("audit: pip could not install the group 'audit' of pyproject.toml.", file=sys.stderr)
        return 1
    found = []
    for name, check in CHECKS.items():
        problems = check()
        print(f"audit: {name}: {f'{len(problems)} found' if problems else 'nothing found'}", flush=True)
        found += problems
    count = materials.write(given.bill)
    print(f"audit: bill of materials (CycloneDX): {count} components in {given.bill}")
    for problem in found:
        print(f"audit: {problem}", file=sys.stderr)
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--bill", type=Path, default=ROOT / "build" / "sbom.json", help="where the bill is written")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
