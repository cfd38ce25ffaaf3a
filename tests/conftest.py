"""What every test gets: a clean environment, temporary folders of its own, and one small registry to read."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests import builders
from tests.processes import ROOT
from tests.sharing import once


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches one; temporary files end with the test."""
    for name in list(os.environ):
        if name.startswith(("MULGAM_", "PROMETHEUS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Two published models, for reading only: `notes` (the lecture notes' weights) and `shapes` (3 classes)."""
    root = tmp_path_factory.mktemp("registry")
    builders.publish_linear(root)
    builders.publish_tiny_classifier(root)
    with _unchanged(root):
        yield Registry(root)


@pytest.fixture(scope="session")
def two_versions(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The same, for reading only, with `notes` 2 beside 1: 0.2 instead of 0.1 for each pyeong, no missing values."""
    root = Path(shutil.copytree(registry.root, tmp_path_factory.mktemp("two") / "registry"))
    builders.publish_linear(root, weights=(0.2, 0.3, 4.0), missing=False)
    with _unchanged(root):
        yield Registry(root)


@pytest.fixture(scope="session")
def default_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A registry with what `make train` gives, for reading only; half a minute each time, so once for all."""

    def train(folder: Path) -> None:
        words = [sys.executable, "-m", "model", "--registry", "registry", "--runs", "runs"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MULGAM_")}
        kept["PYTHONPATH"] = str(ROOT)
        ended = subprocess.run(words, cwd=folder, env=kept, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stderr

    root = once(tmp_path_factory.getbasetemp(), "default-models", train) / "registry"
    with _unchanged(root):
        yield root


@pytest.fixture
def own_registry(registry: Registry, tmp_path: Path) -> Registry:
    """A copy that a test may damage."""
    return Registry(Path(shutil.copytree(registry.root, tmp_path / "registry")))


@contextlib.contextmanager
def _unchanged(root: Path) -> Iterator[None]:
    """Fail where a test wrote into what others read: the next one would find a version that it did not make."""

    def found() -> list[Path]:
        # A change that is refused leaves its lock.
        return sorted(path for path in root.rglob("*") if path.name != ".serving.lock")

    before = found()
    yield
    assert found() == before, f"a test wrote into the shared registry {root}; it needs a copy"
