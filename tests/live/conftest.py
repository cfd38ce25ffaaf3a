"""What several tests of real services start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mulgam import serving as plan
from mulgam.registry import Registry


@pytest.fixture
def own_two(two_versions: Registry, tmp_path: Path) -> Registry:
    """`notes` 1 (0.1 for each pyeong), which the plan serves, and 2 (0.2) beside it; `shapes` as well."""
    return _planned(shutil.copytree(two_versions.root, tmp_path / "registry"))


@pytest.fixture
def versions(two_versions: Registry, tmp_path: Path) -> Registry:
    """The same without `shapes`, where each model more would be a worker more to wait for."""
    shutil.copytree(two_versions.root / "notes", tmp_path / "registry" / "notes")
    return _planned(tmp_path / "registry")


def _planned(root: Path) -> Registry:
    registry = Registry(root)
    plan.write(registry, plan.Plan(1, {"notes": plan.Choice(1)}))
    return registry
