"""The one entry point: every target and variable of the house, and where they go."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import ROOT

TARGETS = (
    "help", "setup", "doctor", "train", "tune", "serve", "test", "test-all", "check", "docs", "audit", "fuzz",
    "bench", "bench-load", "screenshots", "drill", "bench-train",
    "images", "manifests", "scan", "clean",
)  # fmt: skip
VARIABLES = (
    "RECIPE", "RESUME", "PROMOTE", "SIGN_WITH", "TRIALS", "REGISTRY", "PORT", "ADMIN_PORT", "HOST", "BACKEND",
    "RUNTIME", "DEVICE", "TORCH_INDEX",
)  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run make as from a fresh shell, though the tests may run under make themselves."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in VARIABLES and not name.startswith("MAKE") and name != "MFLAGS"
    }
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A folder with the Makefile where everything is installed, and a registry with a version."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "deploy/local/constraints.txt", "deploy/local/install.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    (tmp_path / "registry" / "m" / "1").mkdir(parents=True)
    return tmp_path


def commands(folder: Path, *arguments: str) -> str:
    """What make would run."""
    ended = make("--dry-run", *arguments, folder=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_help_is_the_default_and_names_everything() -> None:
    """Each target with a line, each variable with its present value."""
    ended = make()
    assert ended.returncode == 0
    assert ended.stdout == make("help").stdout
    described = re.findall(r"^  make (\S+) +\S", ended.stdout, re.MULTILINE)
    assert sorted(described) == sorted(TARGETS)
    assert set(re.findall(r"([A-Z_]+)=", ended.stdout)) == set(VARIABLES)
    assert "PORT=9001" in make("help", "PORT=9001").stdout


def test_help_is_in_groups() -> None:
    """In the order in which a newcomer needs them; no line is too wide for a terminal."""
    text = make().stdout
    assert re.findall(r"^[A-Z][a-z ]+$", text, re.MULTILINE) == [
        "First steps", "Training", "Serving", "Deploying", "Checking",
    ]  # fmt: skip
    assert max(map(len, text.splitlines())) <= 120


def test_help_has_colour_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or where it is wished for; never against NO_COLOR."""
    assert "\x1b" not in make().stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = make().stdout
    assert "\x1b[1mFirst steps\x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert make().stdout == re.sub(r"\x1b\[\d+m", "", coloured)


def test_the_doctor_needs_no_installation(ready: Path) -> None:
    """It is asked where that went wrong, too; it examines what would be served."""
    assert 'MULGAM_PORT="9000"' in commands(ready, "doctor", "PORT=9000")
    (ready / ".venv" / ".ready").unlink()
    assert "install.py" not in commands(ready, "doctor")


def test_every_target_is_one_of_the_house() -> None:
    """A rule without a place in the list of phony targets could be hidden by a file of its name."""
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert sorted(phony.split()) == sorted(TARGETS)


def test_the_defaults_are_the_designs(ready: Path) -> None:
    """`make serve` needs no variable."""
    served = commands(ready, "serve")
    for setting in (
        'MULGAM_REGISTRY="registry"', 'MULGAM_HOST="127.0.0.1"', 'MULGAM_PORT="8000"', 'MULGAM_ADMIN_PORT="8001"',
        'MULGAM_BACKEND="torchserve"', 'MULGAM_RUNTIME="torchscript"', 'MULGAM_DEVICE="auto"',
    ):  # fmt: skip
        assert setting in served
    assert ".venv/bin/python -m service" in served


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGISTRY", "my models"), ("HOST", "0.0.0.0"), ("PORT", "9000"), ("ADMIN_PORT", "9001"),
        ("BACKEND", "onnxruntime"), ("RUNTIME", "onnx"), ("DEVICE", "cpu"),
    ],
)  # fmt: skip
def test_a_variable_reaches_serving(ready: Path, name: str, value: str) -> None:
    """As the setting of that name."""
    (ready / "my models" / "m" / "1").mkdir(parents=True)
    assert f'MULGAM_{name}="{value}"' in commands(ready, "serve", f"{name}={value}")


def test_variables_reach_training(ready: Path) -> None:
    """Several recipes, registry, device, going on with a run; without a recipe the default models."""
    trained = commands(ready, "train", "RECIPE=a.toml b.toml", "REGISTRY=r", "DEVICE=gpu")
    assert 'python -m model a.toml b.toml --registry "r" --device "gpu"' in trained
    assert 'python -m model  --registry "registry" --device "auto"' in commands(ready, "train")
    assert '--device "auto" --resume' in commands(ready, "train", "RESUME=1")
    assert "--resume" not in commands(ready, "train")


def test_the_index_of_torch_reaches_setup(ready: Path) -> None:
    """And setup is run where something that it depends on is newer."""
    (ready / ".venv" / ".ready").unlink()
    assert 'TORCH_INDEX="https://mirror.example"' in commands(ready, "setup", "TORCH_INDEX=https://mirror.example")


@pytest.mark.parametrize("target", ["train", "serve", "test", "test-all", "check", "audit", "fuzz", "manifests"])
def test_what_needs_the_environment_makes_it(ready: Path, target: str) -> None:
    """A fresh clone needs no `make setup` before anything."""
    assert "install.py" not in commands(ready, target)
    (ready / ".venv" / ".ready").unlink()
    assert "deploy/local/install.py --venv .venv" in commands(ready, target)


def stub_python(folder: Path) -> Path:
    """A Python that only writes down how it is called."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "called: $@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(
    ("registry", "trains"), [("registry", False), ("new", True), (".hidden/registry", False), ("only-staging", True)]
)
def test_serving_trains_first_where_the_registry_is_empty(ready: Path, registry: str, trains: bool) -> None:
    """And only there; a staging folder is no version, a folder with a hidden parent no less a registry."""
    stub_python(ready)
    (ready / ".hidden" / "registry" / "m" / "1").mkdir(parents=True)
    (ready / "only-staging" / ".staging" / "m-1").mkdir(parents=True)
    ended = make("serve", f"REGISTRY={registry}", folder=ready)
    assert ended.returncode == 0, ended.stderr
    called = [line for line in ended.stdout.splitlines() if line.startswith("called: ")]
    assert called[-1] == "called: -m service"
    assert len(called) == (2 if trains else 1)
    assert ("training first" in ended.stdout) is trains


@pytest.mark.parametrize("target", ["train", "serve", "test"])
def test_a_failure_is_makes_failure(ready: Path, target: str) -> None:
    """The exit status of what was run is not lost."""
    stub_python(ready).write_text("#!/bin/sh\nexit 3\n")
    assert make(target, folder=ready).returncode != 0


def test_variables_reach_the_images(ready: Path) -> None:
    """Device, index of torch, names, base and further words; needing nothing that is installed."""
    built = commands(ready, "images", "DEVICE=gpu", "ONLY=gateway", "BASE=localhost/b", "BUILD_OPTIONS=--network host")
    for words in ('--device "gpu"', '--only "gateway"', '--base "localhost/b"', '--options="--network host"'):
        assert words in built
    assert "install.py" not in built


def test_cleaning_keeps_the_registry(ready: Path) -> None:
    """Caches and the environment go; versions are not ours to remove."""
    (ready / "handler" / "__pycache__").mkdir(parents=True)
    assert make("clean", folder=ready).returncode == 0
    assert (ready / "registry" / "m" / "1").is_dir()
    assert not (ready / ".venv").exists()
    assert not (ready / "handler" / "__pycache__").exists()
