"""`python -m mulgam.verifying`: what an image with models inside asks before it is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from mulgam.registry import Registry
from mulgam.verifying import main


def test_a_registry_that_can_be_served_is_named(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each model, with its digest."""
    assert main([str(registry.root)]) == 0
    assert f"notes: version 1, digest {registry.entry('notes', 1).digest}\n" in capsys.readouterr().out


def test_a_registry_that_would_be_refused_is_refused(
    own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty, an altered file, a plan that can't be read: status 1, and why."""
    assert main([str(tmp_path / "none")]) == 1
    assert "holds no model" in capsys.readouterr().err
    (own_registry.root / "notes" / "1" / "model.onnx").write_bytes(b"other")
    assert main([str(own_registry.root)]) == 1
    assert "checksum" in capsys.readouterr().err
    (own_registry.root / "serving.json").write_text("{")
    assert main([str(own_registry.root)]) == 1
    assert "serving.json" in capsys.readouterr().err
