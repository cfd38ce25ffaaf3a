"""`python -m docs.site`: build the site, warnings being errors, and try every link of it."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from docs.site import links
from tests import groups
from tests.processes import ROOT

# Of the group "docs" in pyproject.toml.
MODULES = ("sphinx", "myst_parser", "furo")
HERE = Path(__file__).parent


def build(site: Path, cache: Path) -> int:
    """Build into a folder, anew; the exit status of Sphinx: 1 where it warned of anything."""
    from sphinx.cmd.build import build_main

    shutil.rmtree(site, ignore_errors=True)
    words = ["-b", "html", "-c", str(HERE), "-d", str(cache), "--fail-on-warning", "--keep-going", "-q"]
    return int(build_main([*words, str(ROOT), str(site)]))


def main() -> int:
    """0 when the site is built and whole."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "site", help="where it is built (%(default)s)")
    site = parser.parse_args().site
    if groups.missing(MODULES) and (not groups.install("docs") or groups.missing(MODULES)):
        print("docs: pip could not install the group 'docs' of pyproject.toml.", file=sys.stderr)
        return 1
    if build(site, site.with_name("site-cache")) != 0:
        return 1
    found = list(links.faults(site))
    for fault in found:
        print(f"docs: {fault}", file=sys.stderr)
    if not found:
        print(f"Open {site / 'index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
