"""The README's own commands, as a newcomer pastes them: train, serve, curl, own data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.processes import ROOT, predict, serving

pytestmark = [pytest.mark.live, pytest.mark.beside, pytest.mark.slow]

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def train(*arguments: str, folder: Path) -> str:
    """`make train`'s command, run in a folder of its own; what it printed."""
    places = ["--registry", str(folder / "registry"), "--runs", str(folder / "runs")]
    ended = subprocess.run(
        [sys.executable, "-m", "model", *arguments, *places],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("backend", ["torchserve", "onnxruntime"])
def test_the_first_curl_gives_the_printed_answer(default_models: Path, tmp_path: Path, backend: str) -> None:
    """What `make train` gives, served, and asked as the README says; the price as printed, to a tenth."""
    (shell,) = [block for block in blocks("console") if "curl" in block]
    command, printed = re.fullmatch(r"\$ (curl .*?)\n(\{.*\})\n", shell, re.DOTALL).groups()  # type: ignore[union-attr]
    with serving(default_models, tmp_path, backend=backend) as service:
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
        ended = subprocess.run(["bash", "-c", f"{command} -s"], capture_output=True, text=True, timeout=30, check=True)
        answer, expected = json.loads(ended.stdout), json.loads(printed)
        assert answer.pop("predictions") == pytest.approx(expected.pop("predictions"), abs=0.1)
        assert answer == expected
        digit = predict(service.port, "digits", [[0.0] * 64]).json["predictions"][0]
        assert digit["label"] in map(str, range(10))


def test_the_four_lines_train_and_serve_a_table(tmp_path: Path) -> None:
    """The README's recipe as it is, on a generated table with gaps and words."""
    (recipe,) = blocks("toml")
    (tmp_path / "california.toml").write_text(recipe)
    draws = np.random.default_rng(3)
    rows = []
    for _ in range(400):
        income, age = draws.uniform(1, 10), draws.integers(1, 52)
        shore = draws.choice(["INLAND", "NEAR BAY"])
        value = 20_000 * income + 300 * age + 40_000 * (shore == "NEAR BAY") + draws.normal(0, 3000)
        rows.append(f"{income:.3f},{age if draws.random() > 0.05 else ''},{shore},{value:.0f}")
    table = "median_income,housing_median_age,ocean_proximity,median_house_value\n" + "\n".join(rows) + "\n"
    (tmp_path / "housing.csv").write_text(table)
    assert "published" in train("california.toml", folder=tmp_path)
    with serving(tmp_path / "registry", tmp_path, backend="onnxruntime") as service:
        ask = {"median_income": 5.0, "housing_median_age": None, "ocean_proximity": "NEAR BAY"}
        near = predict(service.port, "california", [ask]).json["predictions"][0]
        inland = predict(service.port, "california", [{**ask, "ocean_proximity": "INLAND"}]).json["predictions"][0]
        assert near - inland == pytest.approx(40_000, rel=0.5)
        assert predict(service.port, "california", [{**ask, "ocean_proximity": "MOON"}]).status == 200
