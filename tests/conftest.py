"""What every test gets: a clean environment, temporary folders of its own, and one small registry to read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests import builders


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches one; temporary files end with the test."""
    for name in list(os.environ):
        if name.startswith(("MULGAM_", "PROMETHEUS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Two published models, for reading only: `notes` (the lecture notes' weights) and `shapes` (3 classes)."""
    root = tmp_path_factory.mktemp("registry")
    builders.publish_linear(root)
    builders.publish_tiny_classifier(root)
    return Registry(root)


@pytest.fixture
def own_registry(registry: Registry, tmp_path: Path) -> Registry:
    """A copy that a test may damage."""
    return Registry(Path(shutil.copytree(registry.root, tmp_path / "registry")))
