"""Dependency groups that one target alone needs: installed when it is first run, left out by `make setup`."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Sequence

from tests.processes import ROOT


def missing(modules: Sequence[str]) -> list[str]:
    """The modules that are not there."""
    return [name for name in modules if importlib.util.find_spec(name) is None]


def install(group: str) -> bool:
    """Install a group of pyproject.toml into this environment; False where pip can't (it says why)."""
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", "deploy/local/constraints.txt", "--group", group,
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    importlib.invalidate_caches()
    return ended.returncode == 0
