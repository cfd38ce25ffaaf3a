"""Scores, baselines, the verdict and the drift histograms."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from model.data import house_price
from model.data.description import features
from model.data.split import split
from model.data.table import Table, Text
from model.release.baseline_histograms import document, histogram
from model.report.summary import outcome
from model.scores import baselines, evaluation, limits, standing
from model.scores.standing import Standing
from model.training.history import History
from tests.builders import NOTES_PRICES, NOTES_ROWS


def test_regression_scores_are_scikit_learns() -> None:
    """RMSE, MAE and R² agree with scikit-learn's."""
    rng = np.random.default_rng(0)
    target, predicted = rng.normal(size=50), rng.normal(size=50)
    scores = evaluation.regression(predicted, target)
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(target, predicted))
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(target, predicted))
    assert scores["r2"] == pytest.approx(metrics.r2_score(target, predicted))
    assert "rmsle" not in scores


def test_rmsle_is_scikit_learns_where_nothing_is_negative() -> None:
    """A negative prediction of a quantity that is never negative counts as 0."""
    target, predicted = np.array([0.0, 3.0, 20.0]), np.array([1.0, 2.0, -1.0])
    expected = metrics.root_mean_squared_log_error(target, predicted.clip(0))
    assert evaluation.regression(predicted.astype(np.float32), target)["rmsle"] == pytest.approx(expected)


def test_classification_scores_are_scikit_learns() -> None:
    """Accuracy and log loss agree with scikit-learn's; a certain mistake stays a finite loss."""
    rng = np.random.default_rng(0)
    probabilities, target = rng.dirichlet([1, 1, 1], size=50), rng.integers(0, 3, 50)
    scores = evaluation.classification(probabilities, target)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(target, probabilities.argmax(axis=1)))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(target, probabilities))
    assert np.isfinite(evaluation.classification(np.array([[1.0, 0.0]]), np.array([1]))["log_loss"])


def linear_table(rows: int = 120) -> Table:
    """A table that least squares fits exactly, with gaps in a column that does not matter."""
    rng = np.random.default_rng(1)
    numeric = rng.normal(size=(rows, 3))
    target = 2 * numeric[:, 0] - numeric[:, 1]
    numeric[::7, 2] = np.nan
    return Table(("a", "b", "c"), numeric, "t", target, (), "")


def test_the_baselines_of_a_regression() -> None:
    """Mean, least squares and gradient boosting are scored, in this order; least squares solves a linear table."""
    table = linear_table()
    scores = baselines.score(table, features(table, np.arange(len(table))), split(table, "random", 0), seed=0)
    assert list(scores) == ["mean", "least squares", "gradient boosting"]
    assert scores["least squares"]["rmse"] < 1e-6 < scores["gradient boosting"]["rmse"] < scores["mean"]["rmse"]


def test_the_baselines_of_a_classification() -> None:
    """Majority, logistic regression and a support vector machine are scored; on signs the last two do well."""
    table = linear_table()
    table = replace(table, target=(table.target > 0.3).astype(np.int64), classes=("no", "yes"))
    scores = baselines.score(table, features(table, np.arange(len(table))), split(table, "random", 0), seed=0)
    assert list(scores) == ["majority class", "logistic regression", "support vector machine", "gradient boosting"]
    assert scores["logistic regression"]["accuracy"] > 0.9 > 0.75 > scores["majority class"]["accuracy"]
    assert scores["support vector machine"]["accuracy"] > 0.8


def test_many_classes_are_spared_what_is_fitted_for_each_of_them() -> None:
    """Above a hundred classes neither trees nor a support vector machine are fitted: lines and metrics say so."""
    table = linear_table(505)
    table = replace(table, target=np.arange(505) % 101, classes=tuple(map(str, range(101))))
    parts = split(table, "random", 0)
    uniform = np.full((len(parts.test), 101), 1 / 101)
    found = standing.compare(table, features(table, parts.train), parts, "random", uniform, seed=0)
    assert list(found.baselines) == ["majority class", "logistic regression"]
    assert list(found.left_out) == ["support vector machine", "gradient boosting"]
    assert "more than 100 classes" in standing.metrics([found], 1, 1)["baselines_left_out"]["gradient boosting"]
    entry: Any = SimpleNamespace(path="v", digest="0" * 12)
    assert "support vector machine  not fitted for more than 100 classes" in outcome([found], History((), 1), entry)


def test_what_is_fitted_for_each_class_gets_fewer_rows_of_many() -> None:
    """Rows times classes have a bound; a regression, and a few classes, have the usual rows."""
    table = linear_table()
    described = features(table, np.arange(len(table)))
    of = {count: replace(table, classes=tuple(map(str, range(count)))) for count in (0, 2, 50, 1000)}
    trees = {count: limits.rows("gradient boosting", one, described, 400_000) for count, one in of.items()}
    assert trees == {0: 100_000, 2: 100_000, 50: 20_000, 1000: 1_000}
    assert limits.rows("logistic regression", of[1000], described, 400_000) == 10_000


def stood(rmse: float, best: float) -> Standing:
    """A standing with these errors of the network and of the better baseline."""
    scores = {"mean": {"rmse": 9.0}, "least squares": {"rmse": best}}
    return Standing("regression", "random", {"train": 7, "validation": 1, "test": 2}, {"rmse": rmse}, scores, None)


@pytest.mark.parametrize(
    ("rmse", "best", "start"),
    [
        (1.0, 2.0, "The network is better"),
        (2.0, 1.0, "A baseline wins: least squares"),
        (1.0, 1.0, "The network equals"),
    ],
)
def test_the_verdict_is_honest(rmse: float, best: float, start: str) -> None:
    """The sentence says who is better on held-out rows."""
    assert stood(rmse, best).verdict.startswith(start)


def test_more_accuracy_is_better() -> None:
    """For a classification the higher score wins."""
    scores = {"majority class": {"accuracy": 0.5}, "logistic regression": {"accuracy": 0.9}}
    assert Standing("classification", "random", {}, {"accuracy": 0.8, "log_loss": 1.0}, scores, None).beaten


def test_a_histogram_counts_every_value_once() -> None:
    """Bins hold about equally many values, edges count below, missing values are counted apart."""
    found = histogram(np.array([*range(100), np.nan]))
    assert sum(found["counts"]) == 100
    assert len(found["counts"]) == len(found["edges"]) + 1 == 10
    assert max(found["counts"]) - min(found["counts"]) <= 1
    assert found["missing"] == 1


def test_a_histogram_of_one_value_or_none() -> None:
    """A constant column has one full bin, an empty one counts nothing."""
    assert histogram(np.full(5, 3.0))["counts"] == [5, 0]
    assert histogram(np.full(5, np.nan)) == {"edges": [], "counts": [0], "missing": 5}


def test_the_drift_document_of_a_classification_counts_classes() -> None:
    """For classes the predicted ones are counted by name."""
    table = replace(linear_table(4), target=np.array([0, 1, 0, 1]), classes=("no", "yes"))
    found = document(table, features(table, np.arange(4)), np.arange(4), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    assert found["classes"] == {"no": 2, "yes": 1}


def test_the_generator_is_seeded_and_plausible() -> None:
    """house-v1 gives the same rows always; the notes' three prices lie within 1.5 deviations of its noise."""
    assert house_price.generate(50).sha256 == house_price.generate(50).sha256
    assert house_price.generate(50).sha256 != house_price.generate(50, seed=1).sha256
    expected = house_price.price(np.array(NOTES_ROWS))
    assert (np.abs(np.array(NOTES_PRICES) / expected - 1) < 1.5 * house_price.NOISE).all()


def test_the_noise_floor_is_six_percent_noise() -> None:
    """The published floor is the error of the noise-free formula, which is the noise's own size."""
    table = house_price.generate()
    parts = split(table, "random", 0)
    assert table.noise_free is not None
    found = standing.compare(table, features(table, parts.train), parts, "random", table.noise_free[parts.test], seed=0)
    assert found.noise_floor == found.scores
    relative = table.target / table.noise_free - 1
    assert relative.std() == pytest.approx(house_price.NOISE, rel=0.05)
    assert abs(relative.mean()) < 0.005


@pytest.mark.parametrize(("score", "shown"), [(0.98051, "0.9805"), (51372.4, "51,372"), (-0.00085, "-0.00085")])
def test_scores_are_shown_as_people_write_them(score: float, shown: str) -> None:
    """Four significant digits, and large errors in full instead of in powers of ten."""
    assert standing.shown_score(score) == shown


def texts_beside_a_number() -> Table:
    """Texts that say nothing beside a number that decides, by a rule that no straight line follows."""
    rng = np.random.default_rng(2)
    values = rng.uniform(-1, 1, 400)
    texts = Text("note", tuple(f"note {rng.integers(1000)}" for _ in range(400)))
    inside = (np.abs(values) < 0.5).astype(np.int64)
    return Table(("width", "note"), values[:, None], "t", inside, ("no", "yes"), "", text=texts)


def test_trees_are_a_baseline_of_texts_beside_other_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a column beside the text decides, gradient boosting finds it; fitted on fewer rows, it says so."""
    table = texts_beside_a_number()
    parts, described = split(table, "random", 0), features(table, np.arange(400))
    scores = baselines.score(table, described, parts, seed=0)
    assert list(scores) == ["majority class", "naive Bayes", "logistic regression", "gradient boosting"]
    assert scores["gradient boosting"]["accuracy"] > 0.9 > scores["logistic regression"]["accuracy"]
    monkeypatch.setattr(limits, "MOST_BOOSTED_TEXTS", 100)
    predicted = np.eye(2)[table.target[parts.test]]
    found = standing.compare(table, described, parts, "random", predicted, seed=0)
    assert found.fitted_rows == {"gradient boosting": 100}


def test_texts_alone_have_trees_and_a_bound_like_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees see the directions of the texts; no more characters are looked at than the bound allows, which is told."""
    rng = np.random.default_rng(3)
    liked = rng.integers(0, 2, 300)
    texts = Text("note", tuple(f"{'good' if one else 'poor'} {rng.integers(100)}" for one in liked))
    table = Table(("note",), np.empty((300, 0), np.float32), "t", liked, ("no", "yes"), "", text=texts)
    parts, described = split(table, "random", 0), features(table, np.arange(300))
    assert baselines.score(table, described, parts, seed=0)["gradient boosting"]["accuracy"] > 0.9
    monkeypatch.setattr(limits, "MOST_CHARACTERS", 700)
    found = standing.compare(table, described, parts, "random", np.eye(2)[table.target[parts.test]], seed=0)
    assert set(found.fitted_rows) == set(found.baselines)
    assert 50 < found.fitted_rows["naive Bayes"] < 140
    monkeypatch.setattr(limits, "MOST_CHARACTERS", 10_000_000)
    monkeypatch.setattr(limits, "MOST_ROWS", 90)
    found = standing.compare(table, described, parts, "random", np.eye(2)[table.target[parts.test]], seed=0)
    assert found.fitted_rows["logistic regression"] == 90


def test_a_part_of_the_rows_never_holds_one_class_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a class so rare that the first rows have none one row is taken along: no baseline can learn one class."""
    table = linear_table(400)
    target = np.zeros(400, dtype=np.int64)
    parts = split(table, "random", 0)
    target[parts.train[-1]] = target[parts.test[0]] = 1
    note = Text("note", tuple(f"note {place}" for place in range(400)))
    table = replace(table, target=target, classes=("no", "yes"))
    described = features(table, np.arange(400))
    monkeypatch.setattr(limits, "MOST_SVC_ROWS", 50)
    assert baselines.score(table, described, parts, seed=0)["support vector machine"]["accuracy"] > 0.9
    monkeypatch.setattr(limits, "MOST_ROWS", 60)
    table = replace(table, features=("note",), numeric=np.empty((400, 0), np.float32), text=note)
    scores = baselines.score(table, features(table, np.arange(400)), parts, seed=0)
    assert scores["logistic regression"]["accuracy"] > 0.9
