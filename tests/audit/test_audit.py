"""`make audit` finds what it is there to find, and finds nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import groups
from tests.audit import __main__ as command
from tests.audit import code, floors, materials, secrets

needs_tools = pytest.mark.skipif(
    bool(groups.missing(command.MODULES)), reason="the group 'audit' is not installed: make audit"
)
RULES = {"werkzeug": {"floor": "3.0.6", "why": "a hole"}}


def test_every_pin_is_above_its_floor() -> None:
    """Of the constraints, of pyproject.toml and of the installer; without any tool."""
    assert floors.findings() == []


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        (["Werkzeug==3.0.5"], ["werkzeug 3.0.5 is below 3.0.6 (a hole)."]),
        (["werkzeug==3.0.6rc1"], ["werkzeug 3.0.6rc1 is below 3.0.6 (a hole)."]),
        (["werkzeug==3.1.0", "werkzeug==2.0"], ["werkzeug 2.0 is below 3.0.6 (a hole)."]),
        (["flask==3.1.3"], ["floors.toml names werkzeug, which is pinned nowhere: take it out, or pin it."]),
        (["werkzeug==3.1.9", "x>=1"], ["'x>=1' can't be checked: it is no name==version."]),
        (["werkzeug==3.1.9", "x"], ["'x' can't be checked: it is no name==version."]),
        (["werkzeug==3.1.9", "x==one"], ["'x==one' can't be checked: it is no name==version."]),
        (["werkzeug==3.1.9", "x @ https://a.example/x.whl"],
         ["'x @ https://a.example/x.whl' can't be checked: it is no name==version."]),
        (["werkzeug==3.1.9", "grpcio[x]==1.0"], []),
    ],
)  # fmt: skip
def test_what_is_below_a_floor_or_can_not_be_checked_is_found(pins: list[str], expected: list[str]) -> None:
    """The list fails closed."""
    assert floors.compared(pins, RULES) == expected


@needs_tools
def test_a_planted_issue_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In code, a waiver without a reason, a secret in a tracked file."""
    bad = tmp_path / "room" / "bad.py"
    bad.parent.mkdir()
    waived = "eval(x)  # nosec B307 # a test"
    bad.write_text("import subprocess\nx = input()\neval(x)\n" + waived + "\neval(x)  # nosec\n")
    word = "AKIA" + "Q3EGRIGUPQ4WXEXA"
    (tmp_path / "notes.txt").write_text(f"aws_key = {word}\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    for module in (code, secrets):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(code, "ROOMS", ("room",))
    issue, waiver = code.findings()
    assert issue.startswith("room/bad.py:3: B307 (medium)")
    assert waiver.startswith("room/bad.py:5: a waiver needs a rule and a reason")
    (secret,) = secrets.findings()
    assert secret.startswith("notes.txt:1: this looks like a secret")
    assert word not in secret


@needs_tools
def test_the_bill_of_materials_is_the_lock(tmp_path: Path) -> None:
    """Every pin, and nothing else; the same bytes each time."""
    first, second = tmp_path / "one.json", tmp_path / "two.json"
    count = materials.write(first)
    materials.write(second)
    assert first.read_bytes() == second.read_bytes()
    pins = (floors.ROOT / "deploy/local/constraints.txt").read_text().split()
    document = json.loads(first.read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert sorted(f"{one['name']}=={one['version']}" for one in document["components"]) == sorted(pins)
    assert count == len(pins)


@pytest.mark.slow
def test_nothing_is_found_here(tmp_path: Path) -> None:
    """The whole command, as `make audit` runs it: it installs its tools where it can."""
    if groups.missing(command.MODULES) and not groups.install("audit"):
        pytest.skip("the group 'audit' can't be installed here")
    bill = tmp_path / "sbom.json"
    words = [sys.executable, "-m", "tests.audit", "--bill", str(bill)]
    ended = subprocess.run(words, cwd=floors.ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert bill.stat().st_size > 1000
