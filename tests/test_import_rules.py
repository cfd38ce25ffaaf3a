"""The rooms never import one another, and the checker that says so is itself checked on planted breaks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

ROOMS = ("mulgam", "model", "handler", "service")
LINT = Path(sys.executable).with_name("lint-imports")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their configuration, for tests to break."""
    folder = tmp_path_factory.mktemp("packages")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the checker says of a folder."""
    command = [str(LINT), "--no-logo", "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_contracts_hold(copy: Path) -> None:
    """All of them, for the packages as they are."""
    ended = lint(copy)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ", 0 broken." in ended.stdout


@pytest.mark.parametrize(
    ("where", "planted", "contract"),
    [
        ("service/protocols/wire.py", "import handler", "The rooms never import one another"),
        ("model/data/split.py", "from service.settings import Settings", "The rooms never import one another"),
        ("handler/batch.py", "import model.parity", "The rooms never import one another"),
        ("service/versions/split.py", "from service.plane import DataPlane", "The service's imports flow one way"),
        ("mulgam/golden.py", "import model", "The contract imports no room"),
        ("service/protocols/wire.py", "import torch", "The service never loads torch"),
        ("mulgam/golden.py", "import flask", "The contract needs numpy alone"),
        ("mulgam/trust.py", "from nacl.signing import VerifyKey", "The contract needs numpy alone"),
        ("service/bulk/stream.py", "from service.bulk import formats", "What serves needs no pyarrow"),
        ("service/protocols/wire.py", "def late():\n    import torch.nn", "The service never loads torch"),
    ],
)
def test_a_planted_break_is_found(copy: Path, where: str, planted: str, contract: str) -> None:
    """Whatever the room, and inside a function too: exit status 1 and the contract's name beside BROKEN."""
    path = copy / where
    whole = path.read_text()
    path.write_text(f"{whole}\n\n{planted}\n")
    try:
        ended = lint(copy)
    finally:
        path.write_text(whole)
    assert ended.returncode == 1
    broken = [line for line in ended.stdout.splitlines() if re.search(r" BROKEN( \(\d+ ignored imports?\))?$", line)]
    assert [line for line in broken if line.startswith(contract)], ended.stdout


def test_serving_loads_no_torch() -> None:
    """Not by any way: the gateway and the supervisor are imported, and torch is not there, nor pyarrow."""
    code = (
        "import sys, service.gateway, service.supervisor.run\n"
        "print([name for name in ('torch', 'sklearn', 'pyarrow', 'model', 'handler') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
