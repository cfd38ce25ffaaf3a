"""Baselines: what a few lines of scikit-learn reach on the same rows. Every score is shown beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.graph_inputs import encoded, size
from model.data.split import Split
from model.data.table import Table
from model.scores import evaluation, text_baselines
from model.scores.evaluation import Scores
from mulgam.signature import CATEGORIES, Feature

# A support vector machine takes time and memory by the square of its rows.
MOST_SVC_ROWS = 5000
# What scikit-learn's histograms can tell apart; of a column with more words they see the order of frequency.
MOST_BOOSTED_CATEGORIES = 255


@dataclass(frozen=True)
class _Columns:
    """What the baselines see: numbers as they are, then each category as its number in the vocabulary."""

    values: npt.NDArray[np.float64]
    numbers: int
    sizes: list[int]
    one_scale: bool


def score(table: Table, features: tuple[Feature, ...], parts: Split, seed: int) -> dict[str, Scores]:
    """Name → scores on the test rows, in the order shown; trained on the same training rows as the network."""
    if table.text is not None:
        return text_baselines.score(table, features, parts)
    makers = dict(_CLASSIFIERS if table.classes else _REGRESSORS)
    if table.classes and table.one_scale:
        # Of pixels: trees for every class take longer than all else, and the support vector machine is the better one.
        del makers[BOOSTED]
    columns = _columns(table, features)
    return {name: _scored(make(columns, seed), name, columns, table, parts) for name, make in makers.items()}


def _columns(table: Table, features: tuple[Feature, ...]) -> _Columns:
    values, sizes = table.numeric, [size(feature) for feature in features if feature.type in ("category", "boolean")]
    if sizes:
        values = np.hstack([values, encoded(table, features, np.arange(len(table)))[CATEGORIES]])
    return _Columns(values, len(table.numbers), sizes, table.one_scale)


def _scored(estimator: Any, name: str, columns: _Columns, table: Table, parts: Split) -> Scores:
    train = parts.train[:MOST_SVC_ROWS] if name == SVC else parts.train
    with warnings.catch_warnings():
        # Columns without a value in the training rows, and solvers at their iteration limit.
        warnings.simplefilter("ignore")
        estimator.fit(columns.values[train], table.target[train])
        rows, target = columns.values[parts.test], table.target[parts.test]
        if not table.classes:
            return evaluation.regression(estimator.predict(rows), target)
        if hasattr(estimator, "predict_proba"):
            # Every class is in the training rows (the split sees to it), so columns are class numbers.
            return evaluation.classification(estimator.predict_proba(rows), target)
        return {"accuracy": evaluation.accuracy(estimator.predict(rows), target)}


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
    missing = bool(np.isnan(columns.values[:, : columns.numbers]).any())
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=missing), scaler)
    steps = [("numbers", numbers, slice(0, columns.numbers))] if columns.numbers else []
    if columns.sizes:
        words = slice(columns.numbers, columns.numbers + len(columns.sizes))
        steps.append(("words", OneHotEncoder(handle_unknown="ignore"), words))
    return make_pipeline(ColumnTransformer(steps), estimator)


SVC, BOOSTED = "support vector machine", "gradient boosting"
_Makers = dict[str, Callable[[_Columns, int], Any]]
_REGRESSORS: _Makers = {
    "mean": _mean,
    "least squares": _least_squares,
    BOOSTED: _boosted,
}
_CLASSIFIERS: _Makers = {
    "majority class": _majority,
    "logistic regression": _logistic,
    SVC: _support_vectors,
    BOOSTED: _boosted_classifier,
}
