"""The examples of docs/registry.md are documents that Mulgam reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mulgam import golden, serving, signature
from mulgam.registry import FILES, MODEL_NAME, Registry
from mulgam.serving import Choice
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "registry.md").read_text(encoding="utf-8")


@pytest.fixture
def examples() -> dict[str, Any]:
    """The JSON blocks by the heading above each."""
    sections = re.findall(r"^##+ `([a-z.]+\.json)`\n([^#]*)", PAGE, re.MULTILINE)
    return {
        name: json.loads(section.partition("```json")[2].partition("```")[0])
        for name, section in sections
        if "```json" in section
    }


def test_every_format_has_an_example_that_is_read(examples: dict[str, Any], tmp_path: Path) -> None:
    """Signature, golden requests and serving plan."""
    assert set(examples) == {"signature.json", "golden.json", "serving.json"}
    assert signature.parse(examples["signature.json"]).categories[0].vocabulary == ("Gangnam", "Mapo")
    (tmp_path / "golden.json").write_text(json.dumps(examples["golden.json"]))
    assert golden.load(tmp_path / "golden.json")[0].answer.tolist() == pytest.approx([5.3])
    (tmp_path / "serving.json").write_text(json.dumps(examples["serving.json"]))
    assert serving.read(Registry(tmp_path)).models == {"house-price": Choice(3, 4, 0.05, 5, previous=2)}


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS", "serving.json", ".last", ".staging/"])
def test_every_file_is_explained(name: str) -> None:
    """Nothing lies in a registry that the page does not name."""
    assert name in PAGE


def test_the_rule_for_names_is_the_one_that_is_kept() -> None:
    """63 characters, as the page says."""
    assert "at most 63" in PAGE
    assert MODEL_NAME.fullmatch("x" * 63)
    assert not MODEL_NAME.fullmatch("x" * 64)
