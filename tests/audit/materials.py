"""The bill of materials: every library that any target installs, in its pinned version, as CycloneDX."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT


def write(path: Path) -> int:
    """Write it; returns how many components it lists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "deploy/local/constraints.txt",
        "--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", str(path),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return len(json.loads(path.read_text(encoding="utf-8"))["components"])
