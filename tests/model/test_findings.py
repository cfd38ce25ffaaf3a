"""What is found on held-out rows: calibration and its temperature, importance, slices."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from model.data.description import features
from model.data.graph_inputs import encoded
from model.data.table import Table, Text, Words
from model.networks.served import ServedClassifier, answers
from model.recipe.sections import Data, Recipe
from model.release.promise import signature
from model.scores import calibration, evaluation, findings, importance, slices, temperature
from model.training.rows import Rows
from mulgam.tensors import Arrays

ROWS = 400


def mixed(classes: tuple[str, ...] = ()) -> Table:
    """Two numbers, a category and a text; only the first number and the category say anything of the target."""
    rng = np.random.default_rng(3)
    numeric = rng.normal(size=(ROWS, 2))
    numeric[::9, 1] = np.nan
    codes = rng.integers(0, 2, ROWS)
    target = 3 * numeric[:, 0] + codes
    words = Words("city", "category", codes, ("Busan", "Seoul"))
    texts = Text("note", tuple(f"note {row} " * (1 + row % 3) for row in range(ROWS)))
    values = (target > 0).astype(np.int64) if classes else target
    return Table(("used", "idle", "city", "note"), numeric, "t", values, classes, "", (words,), texts)


def promised(table: Table) -> tuple[object, Arrays]:
    """Signature and graph inputs of all rows."""
    rows = np.arange(len(table))
    described = features(table, rows)
    return signature(Recipe("own", Data()), table, described, rows), encoded(table, described, rows)


def by_formula(inputs: Arrays) -> np.ndarray:
    """The target's own formula on graph inputs; the vocabulary's order is that of frequency."""
    return 3 * inputs["numeric"][:, 0] + inputs["categories"][:, 0]


def test_only_what_the_answers_depend_on_is_important() -> None:
    """A feature that the model does not look at has importance 0, whatever its type; what it leans on comes first."""
    table = mixed()
    described, inputs = promised(table)
    target = by_formula(inputs)
    ranking = importance.rank(by_formula, described, inputs, target, evaluation.regression, "rmse", seed=0)
    assert [one.feature for one in ranking.features] == ["used", "idle", "city", "note"]
    assert [one.feature for one in ranking.ranked][:2] == ["used", "city"]
    found = {one.feature: one.mean for one in ranking.features}
    # Two independent normal draws of deviation 1 lie sqrt(2) apart.
    assert found["used"] == pytest.approx(3 * np.sqrt(2), rel=0.15)
    assert found["idle"] == found["note"] == 0


def test_importance_asks_for_a_bounded_number_of_answers() -> None:
    """A wide table is asked about fewer rows, and the same seed gives the same figures."""
    rng = np.random.default_rng(0)
    wide = Table(tuple(f"c{n}" for n in range(300)), rng.normal(size=(1000, 300)), "t", rng.normal(size=1000), (), "")
    described, inputs = promised(wide)
    asked = []

    def predict(given: Arrays) -> np.ndarray:
        asked.append(len(given["numeric"]))
        return given["numeric"].sum(axis=1)

    first = importance.rank(predict, described, inputs, wide.target, evaluation.regression, "rmse", seed=4)
    assert sum(asked) <= importance.MOST_ANSWERS + 1000
    assert first.repeats == 1
    assert first == importance.rank(predict, described, inputs, wide.target, evaluation.regression, "rmse", seed=4)


def test_calibration_is_the_gap_between_sure_and_right() -> None:
    """Rows that are given 0.9 and come true in half of the cases have an error of 0.4; certain and right ones none."""
    half = np.array([[0.9, 0.1]] * 10)
    found = calibration.measure(half, np.array([0, 1] * 5))
    assert found.ece == pytest.approx(0.4)
    assert [(one.rows, one.confidence, one.accuracy) for one in found.bins] == [(10, pytest.approx(0.9), 0.5)]
    assert found.nll == pytest.approx(-np.mean(np.log([0.9, 0.1])))
    assert calibration.measure(np.eye(3), np.arange(3)).ece == 0


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_what_the_logits_were_multiplied_by(factor: float) -> None:
    """Logits of honest probabilities, made colder or hotter, are brought back."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (probabilities.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert calibration.temperature(logits * factor, target) == pytest.approx(factor, rel=0.05)


def test_a_folded_temperature_betters_the_likelihood_and_keeps_every_class() -> None:
    """The served module divides its logits by it: less loss on these rows, the same most likely classes."""
    torch.manual_seed(0)
    inputs = torch.randn(500, 3)

    class Sure(nn.Module):
        def forward(self, first: torch.Tensor, second: object = None, third: object = None) -> torch.Tensor:
            return first * 8

    target = torch.where(torch.rand(500) < 0.7, inputs.argmax(dim=1), torch.randint(0, 3, (500,)))
    module = ServedClassifier(nn.Identity(), Sure()).eval()
    before = answers(module, {"numeric": inputs.numpy()})
    temperature.fold(module, Rows((inputs,), target))
    after = answers(module, {"numeric": inputs.numpy()})
    assert temperature.of(module) > 2
    assert calibration.measure(after, target.numpy()).nll < calibration.measure(before, target.numpy()).nll
    assert calibration.measure(after, target.numpy()).ece < calibration.measure(before, target.numpy()).ece
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    np.testing.assert_allclose(findings._at(after, temperature.of(module)), before, atol=1e-5)


def test_the_worst_slice_is_the_word_that_is_answered_badly() -> None:
    """A word whose rows are far off comes first, as clearly worse, with its rows and its own score."""
    table = mixed()
    predicted = table.target + np.where(table.words[0].codes == 1, 2.0, 0.1)
    found = slices.find(table, np.arange(ROWS), predicted)
    first = found.worst[0]
    assert (first.feature, first.values, first.clear) == ("city", "Seoul", True)
    assert first.rows == (table.words[0].codes == 1).sum()
    assert first.score == pytest.approx(2.0)


def test_a_small_slice_is_left_out() -> None:
    """A handful of unlucky rows is no slice."""
    table = mixed()
    predicted = table.target.copy()
    table.words[0].codes[:5] = 1
    few = replace(table, words=(replace(table.words[0], codes=np.where(np.arange(ROWS) < 5, 1, 0)),))
    predicted[:5] += 100
    assert "city" not in {one.feature for one in slices.find(few, np.arange(ROWS), predicted).worst}


def test_chance_alone_is_not_called_worse() -> None:
    """Where errors have nothing to do with the features, at most one of the slices looks clearly worse."""
    table = mixed()
    predicted = table.target + np.random.default_rng(8).normal(size=ROWS)
    assert sum(one.clear for one in slices.find(table, np.arange(ROWS), predicted).worst) <= 1


def test_missing_values_and_classes_are_slices() -> None:
    """The rows without a value are looked at, and those of each class."""
    table = mixed(classes=("no", "yes"))
    wrong = np.isnan(table.numeric[:, 1])
    taken = np.where(wrong, 1 - table.target, table.target)
    found = slices.find(table, np.arange(ROWS), np.eye(2)[taken])
    assert (found.worst[0].feature, found.worst[0].values, found.worst[0].score) == ("idle", "missing", 0.0)
    assert "t" in {name for name, _, _ in slices._groups(table, np.arange(ROWS))}


def test_of_pixels_only_the_classes_are_slices() -> None:
    """A quarter of one pixel's range says nothing to a person."""
    table = replace(mixed(classes=("no", "yes")), one_scale=True)
    assert {name for name, _, _ in slices._groups(table, np.arange(ROWS))} == {"t"}


def test_what_the_metrics_hold_of_the_findings_is_json() -> None:
    """Importance by feature, the worst slices, calibration with what it was before the temperature."""
    table = mixed(classes=("no", "yes"))
    described, inputs = promised(table)

    def predict(given: Arrays) -> np.ndarray:
        high = 1 / (1 + np.exp(-by_formula(given)))
        return np.stack([1 - high, high], axis=1)

    found = findings.find(table, described, np.arange(ROWS), inputs, predict, seed=0, temperature=2.0)
    document = json.loads(json.dumps(findings.metrics(found)))
    assert set(document["importance"]["rises"]) == {"used", "idle", "city", "note"}
    assert document["importance"]["score"] == "log_loss"
    assert document["calibration"]["temperature"] == 2.0
    assert document["calibration"]["before"]["nll"] != document["calibration"]["nll"]
    assert {"feature", "values", "rows", "score", "apart"} == set(document["slices"]["worst"][0])
