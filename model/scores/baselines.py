"""Baselines: what a few lines of scikit-learn reach on the same rows. Every score is shown beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.batches import Answers, answered
from model.data.graph_inputs import encoded, size
from model.data.split import Split
from model.data.table import Table
from model.scores import evaluation, limits, text_baselines
from model.scores.evaluation import Scores
from model.scores.limits import BOOSTED, LOGISTIC, SVC
from model.training import progress
from mulgam.signature import Feature
from mulgam.tensors import Arrays

MOST_ROWS_AT_ONCE = 10_000
# What scikit-learn's histograms can tell apart; of a column with more words they see the order of frequency.
MOST_BOOSTED_CATEGORIES = 255


@dataclass(frozen=True)
class _Columns:
    """What the baselines see: so many numbers, then categories of these sizes; and whether a number is missing."""

    numbers: int
    sizes: list[int]
    one_scale: bool
    missing: bool


def score(table: Table, features: tuple[Feature, ...], parts: Split, seed: int) -> dict[str, Scores]:
    """Name → scores on the test rows, in the order shown.

    Trained on the network's training rows, or the first of them; `limits` says on how many, and which are left out.
    """
    if table.text is not None:
        return text_baselines.score(table, features, parts, seed)
    columns = _columns(table, features)
    makers = _CLASSIFIERS if table.classes else _REGRESSORS
    spared = limits.left_out(table)
    scores = {}
    for name, make in makers.items():
        if name not in spared:
            with progress.step(f"fitting the baseline {name}"):
                scores[name] = _scored(make(columns, seed), name, table, features, parts)
    return scores


def _columns(table: Table, features: tuple[Feature, ...]) -> _Columns:
    sizes = [size(feature) for feature in features if feature.type in ("category", "boolean")]
    missing = bool(np.isnan(table.numeric).any())
    return _Columns(len(table.numbers), sizes, table.one_scale, missing)


def _values(inputs: Arrays) -> npt.NDArray[np.float64]:
    """Numbers as they are, then each category as its number in the vocabulary."""
    return np.hstack([array.astype(np.float64) for array in inputs.values()])


def _answered(predict: Callable[[npt.NDArray[np.float64]], Answers], inputs: Arrays) -> Answers:
    """What an estimator answers to rows, some at a time: a pipeline copies them at each of its steps."""
    return answered(lambda batch: predict(_values(batch)), inputs, MOST_ROWS_AT_ONCE)


def _scored(estimator: Any, name: str, table: Table, features: tuple[Feature, ...], parts: Split) -> Scores:
    train = parts.train[limits.first(name, table, features, parts.train)]
    target = table.target[parts.test]
    with warnings.catch_warnings(), _threads(len(train) * len(features)):
        # Columns without a value in the training rows, and solvers at their iteration limit.
        warnings.simplefilter("ignore")
        estimator.fit(_values(encoded(table, features, train)), table.target[train])
        inputs = encoded(table, features, parts.test)
        if not table.classes:
            return evaluation.regression(_answered(estimator.predict, inputs), target)
        if hasattr(estimator, "predict_proba"):
            probabilities = np.zeros((len(target), len(table.classes)))
            probabilities[:, estimator.classes_] = _answered(estimator.predict_proba, inputs)
            return evaluation.classification(probabilities, target)
        return {"accuracy": evaluation.accuracy(_answered(estimator.predict, inputs), target)}


# Values up to which a second thread is not worth waking.
_VALUES_FOR_THREADS = 10_000_000


def _threads(values: int) -> AbstractContextManager[Any]:
    """One thread for OpenMP unless a table is very large: beside other busy processes several wait for one another."""
    from threadpoolctl import threadpool_limits

    limited: AbstractContextManager[Any] = threadpool_limits(
        None if values > _VALUES_FOR_THREADS else 1, user_api="openmp"
    )
    return limited


def _mean(columns: _Columns, seed: int) -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor()


def _least_squares(columns: _Columns, seed: int) -> Any:
    from sklearn.linear_model import LinearRegression

    return _prepared(columns, LinearRegression())


def _boosted(columns: _Columns, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(random_state=seed, categorical_features=_boosted_categories(columns))


def _majority(columns: _Columns, seed: int) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier()


def _logistic(columns: _Columns, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return _prepared(columns, LogisticRegression(max_iter=500))


def _support_vectors(columns: _Columns, seed: int) -> Any:
    from sklearn.svm import SVC as Machine

    return _prepared(columns, Machine())


def _boosted_classifier(columns: _Columns, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed, categorical_features=_boosted_categories(columns))


def _boosted_categories(columns: _Columns) -> list[int]:
    return [columns.numbers + place for place, size in enumerate(columns.sizes) if size <= MOST_BOOSTED_CATEGORIES]


def _prepared(columns: _Columns, estimator: Any) -> Any:
    """Numbers imputed by the median, missing ones marked, standardised unless they share one scale; words one-hot."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    scaler = FunctionTransformer() if columns.one_scale else StandardScaler()
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=columns.missing), scaler)
    steps = [("numbers", numbers, slice(0, columns.numbers))] if columns.numbers else []
    if columns.sizes:
        words = slice(columns.numbers, columns.numbers + len(columns.sizes))
        steps.append(("words", OneHotEncoder(handle_unknown="ignore"), words))
    return make_pipeline(ColumnTransformer(steps), estimator)


_Makers = dict[str, Callable[[_Columns, int], Any]]
_REGRESSORS: _Makers = {
    "mean": _mean,
    "least squares": _least_squares,
    BOOSTED: _boosted,
}
_CLASSIFIERS: _Makers = {
    "majority class": _majority,
    LOGISTIC: _logistic,
    SVC: _support_vectors,
    BOOSTED: _boosted_classifier,
}
