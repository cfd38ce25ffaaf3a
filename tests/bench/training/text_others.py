"""What a practitioner would else take for texts: linear models on character n-grams."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.data.table import Table
from tests.bench.training.division import Division, Model, Rows


def logistic_regression(division: Division) -> Model:
    """Logistic regression on TF-IDF of 1 to 5 characters."""
    from sklearn.linear_model import LogisticRegression

    return _fitted(division, LogisticRegression(C=30.0, max_iter=5 if division.quick else 1000))


def naive_bayes(division: Division) -> Model:
    """Multinomial naive Bayes on the same."""
    from sklearn.naive_bayes import MultinomialNB

    return _fitted(division, MultinomialNB(alpha=0.1))


def _fitted(division: Division, classifier: Any) -> Model:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    counts = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True, dtype=np.float32)
    pipeline = make_pipeline(counts, classifier)
    train = division.parts.train
    pipeline.fit(_texts(division.table, train), division.table.target[train])
    return lambda table, rows: pipeline.predict_proba(_texts(table, rows))


def _texts(table: Table, rows: Rows) -> list[str]:
    assert table.text is not None
    return [table.text.values[row] for row in rows]
