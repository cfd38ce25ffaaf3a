"""Baselines: what a few lines of scikit-learn reach on the same rows. Every score is shown beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from model import evaluation
from model.evaluation import Scores
from model.split import Split
from model.table import Table

# A support vector machine takes time and memory by the square of its rows.
MOST_SVC_ROWS = 5000


def score(table: Table, parts: Split, seed: int) -> dict[str, Scores]:
    """Name → scores on the test rows, in the order shown; trained on the same training rows as the network."""
    makers = _CLASSIFIERS if table.classes else _REGRESSORS
    return {name: _scored(make(table, seed), name, table, parts) for name, make in makers.items()}


def _scored(estimator: Any, name: str, table: Table, parts: Split) -> Scores:
    train = parts.train[:MOST_SVC_ROWS] if name == SVC else parts.train
    with warnings.catch_warnings():
        # Columns without a value in the training rows, and solvers at their iteration limit.
        warnings.simplefilter("ignore")
        estimator.fit(table.numeric[train], table.target[train])
        rows, target = table.numeric[parts.test], table.target[parts.test]
        if not table.classes:
            return evaluation.regression(estimator.predict(rows), target)
        if hasattr(estimator, "predict_proba"):
            # Every class is in the training rows (the split sees to it), so columns are class numbers.
            return evaluation.classification(estimator.predict_proba(rows), target)
        return {"accuracy": evaluation.accuracy(estimator.predict(rows), target)}


def _mean(table: Table, seed: int) -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor()


def _least_squares(table: Table, seed: int) -> Any:
    from sklearn.linear_model import LinearRegression

    return _prepared(table, LinearRegression())


def _boosted(table: Table, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(random_state=seed)


def _majority(table: Table, seed: int) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier()


def _logistic(table: Table, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return _prepared(table, LogisticRegression(max_iter=500))


def _support_vectors(table: Table, seed: int) -> Any:
    from sklearn.svm import SVC as Machine

    return _prepared(table, Machine())


def _prepared(table: Table, estimator: Any) -> Any:
    """Imputed by the median, missing values marked, standardised unless the columns share one scale."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    scaler = FunctionTransformer() if table.one_scale else StandardScaler()
    imputer = SimpleImputer(strategy="median", add_indicator=bool(np.isnan(table.numeric).any()))
    return make_pipeline(imputer, scaler, estimator)


SVC = "support vector machine"
_Makers = dict[str, Callable[[Table, int], Any]]
_REGRESSORS: _Makers = {
    "mean": _mean,
    "least squares": _least_squares,
    "gradient boosting": _boosted,
}
_CLASSIFIERS: _Makers = {
    "majority class": _majority,
    "logistic regression": _logistic,
    SVC: _support_vectors,
}
