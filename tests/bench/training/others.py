"""What a practitioner would else take for a table: boosted trees, as they come and tuned.

All learn from the training rows alone, as the networks do. Where something stops early or is chosen, the validation
rows decide, as they do for the networks; the held-out rows are seen once, by the score. All use one thread, as small
networks do, so that CPU seconds can be compared and a busy machine's cores are not waited for in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from model.data.table import Table
from tests.bench.training.division import Division, Model, Rows

# Settings that are drawn: of the one that the default recipe is measured by, and of the fastest.
HIST_GB_TRIALS, LIGHTGBM_TRIALS = 10, 30
_PATIENCE = 30


def columns(table: Table, rows: Rows) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Numbers [N, F], NaN where missing, and which of them are numbers of categories."""
    words = [np.where(column.codes[rows] < 0, np.nan, column.codes[rows]) for column in table.words]
    numeric = table.numeric[rows]
    return np.column_stack([numeric, *words]), list(range(numeric.shape[1], numeric.shape[1] + len(words)))


def _model(estimator: Any, prepare: Callable[[Table, Rows], Any]) -> Model:
    def answer(table: Table, rows: Rows) -> Any:
        return (estimator.predict_proba if table.classes else estimator.predict)(prepare(table, rows))

    return answer


def _values(table: Table, rows: Rows) -> npt.NDArray[np.float64]:
    return columns(table, rows)[0]


def hist_gb(division: Division) -> Model:
    """scikit-learn's HistGradientBoosting with its default settings."""
    estimator = _hist_gb(division)
    with threadpool_limits(1):
        estimator.fit(_values(division.table, division.parts.train), division.table.target[division.parts.train])
    return _model(estimator, _values)


def hist_gb_tuned(division: Division) -> Model:
    """The best of some drawn settings, each stopped early."""

    def attempt(random: np.random.Generator) -> Any:
        estimator = _hist_gb(
            division, early_stopping=True, max_iter=_most(division), n_iter_no_change=_PATIENCE, scoring="loss",
            learning_rate=_log_uniform(random, 0.03, 0.3), max_leaf_nodes=_log_whole(random, 8, 128),
            min_samples_leaf=_log_whole(random, 2, 100), l2_regularization=_log_uniform(random, 1e-3, 30.0),
            max_features=random.uniform(0.4, 1.0),
        )  # fmt: skip
        train, validation = division.parts.train, division.parts.validation
        target = division.table.target
        with threadpool_limits(1):
            estimator.fit(
                _values(division.table, train), target[train],
                X_val=_values(division.table, validation), y_val=target[validation],
            )  # fmt: skip
        return estimator

    return _best(division, attempt, HIST_GB_TRIALS)


def lightgbm(division: Division) -> Model:
    """LightGBM with its default settings."""
    estimator = _lightgbm(division)
    values, categories = columns(division.table, division.parts.train)
    estimator.fit(values, division.table.target[division.parts.train], categorical_feature=categories or "auto")
    return _model(estimator, _values)


def lightgbm_tuned(division: Division) -> Model:
    """The best of more drawn settings, each stopped early."""
    import lightgbm as library

    def attempt(random: np.random.Generator) -> Any:
        estimator = _lightgbm(
            division, n_estimators=_most(division), subsample_freq=1, subsample=random.uniform(0.5, 1.0),
            learning_rate=_log_uniform(random, 0.02, 0.2), num_leaves=_log_whole(random, 8, 256),
            min_child_samples=_log_whole(random, 2, 100), colsample_bytree=random.uniform(0.4, 1.0),
            reg_lambda=_log_uniform(random, 1e-3, 30.0), reg_alpha=_log_uniform(random, 1e-3, 10.0),
        )  # fmt: skip
        train, validation = division.parts.train, division.parts.validation
        values, categories = columns(division.table, train)
        target = division.table.target
        estimator.fit(
            values, target[train], categorical_feature=categories or "auto",
            eval_set=[(_values(division.table, validation), target[validation])],
            callbacks=[library.early_stopping(_PATIENCE, verbose=False)],
        )  # fmt: skip
        return estimator

    return _best(division, attempt, LIGHTGBM_TRIALS)


def catboost(division: Division) -> Model:
    """CatBoost with its default settings."""
    import catboost as library

    kind = library.CatBoostClassifier if division.table.classes else library.CatBoostRegressor
    estimator = kind(
        random_seed=division.seed, verbose=False, allow_writing_files=False, thread_count=1,
        **({"iterations": 5} if division.quick else {}),
    )  # fmt: skip
    train = division.parts.train
    estimator.fit(_for_catboost(division.table, train), division.table.target[train])
    return _model(estimator, _for_catboost)


def _for_catboost(table: Table, rows: Rows) -> Any:
    """CatBoost takes categories as whole numbers beside float columns."""
    from catboost import FeaturesData

    numbers, places = columns(table, rows)
    words = np.nan_to_num(numbers[:, places], nan=-1.0).astype(np.int64).astype(str).astype(object)
    return FeaturesData(
        num_feature_data=np.delete(numbers, places, axis=1).astype(np.float32),
        cat_feature_data=np.vectorize(str.encode, otypes=[object])(words) if places else None,
    )


def _hist_gb(division: Division, **settings: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    categories = columns(division.table, division.parts.train[:1])[1]
    if division.quick:
        settings["max_iter"] = 5
    kind = HistGradientBoostingClassifier if division.table.classes else HistGradientBoostingRegressor
    return kind(random_state=division.seed, categorical_features=categories or None, **settings)


def _lightgbm(division: Division, **settings: Any) -> Any:
    import lightgbm as library

    if division.quick:
        settings["n_estimators"] = 5
    kind = library.LGBMClassifier if division.table.classes else library.LGBMRegressor
    return kind(random_state=division.seed, verbosity=-1, n_jobs=1, **settings)


def _best(division: Division, attempt: Callable[[np.random.Generator], Any], trials: int) -> Model:
    """Of the trials, the one whose answers to the validation rows are best (squared error or log loss)."""
    random = np.random.default_rng([division.seed, 30])
    rows = division.parts.validation
    target = division.table.target[rows]
    best, lowest = None, np.inf
    for _ in range(2 if division.quick else trials):
        model = _model(attempt(random), _values)
        answers = model(division.table, rows)
        if division.table.classes:
            loss = float(-np.mean(np.log(np.clip(answers[np.arange(len(rows)), target], 1e-7, 1.0))))
        else:
            loss = float(np.mean((answers - target) ** 2))
        if loss < lowest:
            best, lowest = model, loss
    assert best is not None
    return best


def _most(division: Division) -> int:
    """Trees at most; early stopping ends sooner."""
    return 5 if division.quick else 3000


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _log_whole(random: np.random.Generator, low: int, high: int) -> int:
    return round(_log_uniform(random, low, high))
