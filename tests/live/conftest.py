"""What several tests of real services start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mulgam import serving as plan
from mulgam.registry import Registry
from tests import builders


@pytest.fixture
def versions(tmp_path: Path) -> Registry:
    """`notes` 1 (0.1 for each pyeong), served by the plan, and 2 (0.2) beside it."""
    root = tmp_path / "registry"
    builders.publish_linear(root)
    builders.publish_linear(root, weights=(0.2, 0.3, 4.0))
    plan.write(Registry(root), plan.Plan(1, {"notes": plan.Choice(1)}))
    return Registry(root)
