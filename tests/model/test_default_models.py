"""The two models that `make train` gives, held to the figures that are promised."""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from model.__main__ import main
from model.data.sources import rows
from model.recipe.reading import load
from model.recipe.sections import DEFAULTS
from mulgam.registry import Registry
from tests.builders import NOTES_PRICES, NOTES_ROWS
from tests.model.test_own_table import predict


@dataclass(frozen=True)
class Run:
    """A registry with both default models, and how long they took."""

    registry: Registry
    seconds: float

    def metrics(self, model: str) -> dict[str, Any]:
        """What was published as the model's scores."""
        return dict(json.loads((self.registry.entry(model, 1).path / "metrics.json").read_text()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`python -m model` without a recipe."""
    folder = tmp_path_factory.mktemp("default")
    started = time.monotonic()
    assert main(["--registry", str(folder / "registry"), "--runs", str(folder / "runs")]) == 0
    return Run(Registry(folder / "registry"), time.monotonic() - started)


def test_both_are_trained_within_two_minutes(run: Run) -> None:
    """No recipe means house-price and digits, in under 120 s."""
    assert run.registry.models() == ["digits", "house-price"]
    assert run.seconds < 120


def test_house_price_comes_close_to_the_noise_floor(run: Run) -> None:
    """RMSE at most 1.05 × the noise floor, and better than least squares."""
    metrics = run.metrics("house-price")
    assert metrics["scores"]["rmse"] <= 1.05 * metrics["noise_floor"]["rmse"]
    assert metrics["scores"]["rmse"] < metrics["baselines"]["least squares"]["rmse"]


def test_house_price_is_labelled_synthetic_and_has_units(run: Run) -> None:
    """The signature says that the rows were generated, and in which units it counts."""
    signature = run.registry.entry("house-price", 1).signature
    assert signature.synthetic
    assert [(feature.name, feature.unit) for feature in signature.features] == [
        ("area", "pyeong"), ("rooms", None), ("distance", "km"),
    ]  # fmt: skip
    assert signature.target.unit == "억 원"


def test_house_price_is_plausible_for_the_notes_houses(run: Run) -> None:
    """The notes' three houses get prices within 15 % of the notes'."""
    answer = predict(run.registry.entry("house-price", 1), [list(row) for row in NOTES_ROWS])
    np.testing.assert_allclose(answer, NOTES_PRICES, rtol=0.15)


def test_digits_reaches_its_bars_on_both_splits(run: Run) -> None:
    """Accuracy at least 0.985 on a random split, 0.955 on the unshuffled half, each beside the two baselines."""
    metrics = run.metrics("digits")
    (half,) = metrics["other_splits"]
    assert (metrics["split"], half["split"]) == ("random", "half")
    assert metrics["scores"]["accuracy"] >= 0.985
    assert half["scores"]["accuracy"] >= 0.955
    for one in (metrics, half):
        assert {"logistic regression", "support vector machine"} < set(one["baselines"])
    assert half["rows"]["test"] == 899


def test_the_published_digits_model_is_the_random_splits(run: Run) -> None:
    """The model that is published reads digits of the whole table, and its report names the half split, too."""
    entry = run.registry.entry("digits", 1)
    table = rows(load(DEFAULTS[1]))
    answer = predict(entry, [list(row) for row in table.numeric.tolist()])
    assert float(np.mean(answer.argmax(axis=1) == table.target)) > 0.98
    assert "split: half" in (entry.path / "report.html").read_text()


def test_parity_was_measured_in_every_runtime(run: Run) -> None:
    """The metrics tell how far each runtime lay from the trained module, all within what was allowed."""
    for model in run.registry.models():
        parity = run.metrics(model)["parity"]
        assert {one["runtime"] for one in parity} == {"torchscript", "onnx"}
        assert {1, 2, 7, 256} <= {one["count"] for one in parity}
        assert all(one["largest"] <= one["allowed"] <= 1e-3 for one in parity)
