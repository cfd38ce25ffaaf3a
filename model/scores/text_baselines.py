"""Baselines of texts: naive Bayes, logistic regression or ridge on character n-grams, beside the other columns.

And gradient boosting on the texts' principal directions, beside the other columns as well.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.graph_inputs import encoded
from model.data.split import Split
from model.data.table import Table
from model.scores import evaluation, limits
from model.scores.evaluation import Scores
from model.scores.limits import BOOSTED, LOGISTIC
from model.training import progress
from mulgam.signature import CATEGORIES, TEXT, Feature

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

# Trees take dense columns: so many directions of the n-grams (latent semantic analysis).
DIRECTIONS = 32


def score(table: Table, features: tuple[Feature, ...], parts: Split, seed: int) -> dict[str, Scores]:
    """Name → scores on the test rows, in the order shown; trained on the first of the training rows, see `limits`."""
    scores = {}
    rows = parts.train[limits.first("", table, features, parts.train)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers at their iteration limit
        with progress.step("counting n-grams for the baselines"):
            texts = _ngrams(table, features, rows, parts.test)
            train, test = map(_beside, texts, _linear_columns(table, features, rows, parts.test))
        for name, model in _linear(table).items():
            with progress.step(f"fitting the baseline {name}"):
                some = limits.first(name, table, features, rows)
                model.fit(train[some], table.target[rows[some]])
                scores[name] = _scored(model, test, table, parts)
        if BOOSTED not in limits.left_out(table):
            with progress.step(f"fitting the baseline {BOOSTED}"):
                some = limits.first(BOOSTED, table, features, rows)
                train, test = _dense((texts[0][some], texts[1]), table, features, (rows[some], parts.test), seed)
                trees = _trees(table, seed)
                trees.fit(train, table.target[rows[some]])
                scores[BOOSTED] = _scored(trees, test, table, parts)
    return scores


def _scored(model: Any, test: Any, table: Table, parts: Split) -> Scores:
    target = table.target[parts.test]
    if not table.classes:
        return evaluation.regression(model.predict(test), target)
    probabilities = np.zeros((len(target), len(table.classes)))
    probabilities[:, model.classes_] = model.predict_proba(test)
    return evaluation.classification(probabilities, target)


def _linear(table: Table) -> dict[str, Any]:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import MultinomialNB

    if not table.classes:
        return {"mean": DummyRegressor(), "ridge": Ridge()}
    return {
        "majority class": DummyClassifier(),
        "naive Bayes": MultinomialNB(alpha=0.1),
        LOGISTIC: LogisticRegression(C=30.0, max_iter=200),
    }


def _trees(table: Table, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return (HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor)(random_state=seed)


def _ngrams(table: Table, features: tuple[Feature, ...], train: Rows, test: Rows) -> tuple[Any, Any]:
    """Training and test rows: TF-IDF of 1 to 5 characters of the same stretch that the network reads."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    assert table.text is not None
    (length,) = (feature.length for feature in features if feature.type == "text")
    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 5), sublinear_tf=True, dtype=np.float32,
        max_features=limits.MOST_WEIGHTS // max(len(table.classes), 1),
    )  # fmt: skip
    values = table.text.values
    texts = ([values[row][:length] for row in part] for part in (train, test))
    return vectorizer.fit_transform(next(texts)), vectorizer.transform(next(texts))


def _linear_columns(
    table: Table, features: tuple[Feature, ...], train: Rows, test: Rows
) -> tuple[list[Any], list[Any]]:
    """Training and test rows of the columns beside the text, all from 0 to 1, as naive Bayes takes them."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

    others = []
    if table.numbers:
        steps = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), MinMaxScaler(clip=True))
        others.append((table.numeric, steps))
    if table.words:
        words = encoded(table, features, np.arange(len(table)))[CATEGORIES]
        others.append((words, OneHotEncoder(handle_unknown="ignore")))
    return (
        [step.fit_transform(values[train]) for values, step in others],
        [step.transform(values[test]) for values, step in others],
    )


def _beside(texts: Any, others: list[Any]) -> Any:
    from scipy import sparse  # type: ignore[import-untyped]

    return sparse.hstack([texts, *map(sparse.csr_matrix, others)]).tocsr()


def _dense(
    texts: tuple[Any, Any], table: Table, features: tuple[Feature, ...], rows: tuple[Rows, Rows], seed: int
) -> tuple[Floats, Floats]:
    """Training and test rows for trees: the texts' main directions, then numbers as they are and categories' ids."""
    from sklearn.decomposition import TruncatedSVD

    directions = TruncatedSVD(min(DIRECTIONS, texts[0].shape[1] - 1), random_state=seed)
    found = directions.fit_transform(texts[0]), directions.transform(texts[1])
    return _joined(found[0], table, features, rows[0]), _joined(found[1], table, features, rows[1])


def _joined(directions: Floats, table: Table, features: tuple[Feature, ...], rows: Rows) -> Floats:
    others = [array for name, array in encoded(table, features, rows).items() if name != TEXT]
    return np.hstack([directions, *others])
