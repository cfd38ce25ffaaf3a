"""Baselines of texts: naive Bayes, logistic regression or ridge on character n-grams, beside the other columns.

Where there are other columns, gradient boosting joins them: on these, and on the texts' principal directions.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.graph_inputs import encoded
from model.data.split import Split
from model.data.table import Table
from model.scores import evaluation
from model.scores.evaluation import Scores
from mulgam.signature import CATEGORIES, TEXT, Feature

Floats = npt.NDArray[np.float64]

BOOSTED = "gradient boosting"
# Trees take dense columns: so many directions of the n-grams (latent semantic analysis), of so many rows at most.
DIRECTIONS = 32
MOST_BOOSTED_ROWS = 20_000


def score(table: Table, features: tuple[Feature, ...], parts: Split, seed: int) -> dict[str, Scores]:
    """Name → scores on the test rows, in the order shown; trained on the network's training rows, see `fitted_rows`."""
    texts = _ngrams(table, features, parts)
    train, test = map(_beside, texts, _linear_columns(table, features, parts))
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers at their iteration limit
        for name, model in _linear(table).items():
            model.fit(train, table.target[parts.train])
            scores[name] = _scored(model, test, table, parts)
        if table.numbers or table.words:
            train, test = _dense(texts, table, features, parts, seed)
            trees = _trees(table, seed)
            trees.fit(train, table.target[parts.train[: len(train)]])
            scores[BOOSTED] = _scored(trees, test, table, parts)
    return scores


def fitted_rows(name: str, rows: int) -> int:
    """On how many of the training rows a baseline is fitted: on the first ones of their random order."""
    return min(rows, MOST_BOOSTED_ROWS) if name == BOOSTED else rows


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
        "logistic regression": LogisticRegression(C=30.0, max_iter=200),
    }


def _trees(table: Table, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return (HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor)(random_state=seed)


def _ngrams(table: Table, features: tuple[Feature, ...], parts: Split) -> tuple[Any, Any]:
    """Training and test rows: TF-IDF of 1 to 5 characters of the same stretch that the network reads."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    assert table.text is not None
    (length,) = (feature.length for feature in features if feature.type == "text")
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True, dtype=np.float32)
    texts = [text[:length] for text in table.text.values]
    train, test = ([texts[row] for row in part] for part in (parts.train, parts.test))
    return vectorizer.fit_transform(train), vectorizer.transform(test)


def _linear_columns(table: Table, features: tuple[Feature, ...], parts: Split) -> tuple[list[Any], list[Any]]:
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
        [step.fit_transform(values[parts.train]) for values, step in others],
        [step.transform(values[parts.test]) for values, step in others],
    )


def _beside(texts: Any, others: list[Any]) -> Any:
    from scipy import sparse  # type: ignore[import-untyped]

    return sparse.hstack([texts, *map(sparse.csr_matrix, others)]).tocsr()


def _dense(
    texts: tuple[Any, Any], table: Table, features: tuple[Feature, ...], parts: Split, seed: int
) -> tuple[Floats, Floats]:
    """Training and test rows for trees: the texts' main directions, then numbers as they are and categories' ids."""
    from sklearn.decomposition import TruncatedSVD

    train = parts.train[: fitted_rows(BOOSTED, len(parts.train))]
    directions = TruncatedSVD(min(DIRECTIONS, texts[0].shape[1] - 1), random_state=seed)
    found = directions.fit_transform(texts[0][: len(train)]), directions.transform(texts[1])
    return _joined(found[0], table, features, train), _joined(found[1], table, features, parts.test)


def _joined(directions: Floats, table: Table, features: tuple[Feature, ...], rows: npt.NDArray[np.int64]) -> Floats:
    others = [array for name, array in encoded(table, features, rows).items() if name != TEXT]
    return np.hstack([directions, *others])
