"""What only the benchmark needs, installed when it is first run; `make setup` leaves it out."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable

from tests.bench.errors import BenchError
from tests.bench.tree import ROOT

MODULES = ("gunicorn", "fastapi", "uvicorn", "uvloop", "httptools")


def missing() -> list[str]:
    """The modules of the group `bench` that are not there."""
    return [name for name in MODULES if importlib.util.find_spec(name) is None]


def install(say: Callable[[str], None]) -> None:
    """Install the group into this environment; raises BenchError where pip can't."""
    absent = missing()
    if not absent:
        return
    say(f"installing what only the benchmark needs ({', '.join(absent)} missing)")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", "deploy/local/constraints.txt", "--group", "bench",
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    importlib.invalidate_caches()
    if ended.returncode or missing():
        raise BenchError(
            "pip could not install the group 'bench' of pyproject.toml (its message stands above); without it,"
            " choose others: ONLY=mulgam-torchserve,torchserve-1,torchserve-32,mulgam-embedded,bare,onnxruntime."
        )
