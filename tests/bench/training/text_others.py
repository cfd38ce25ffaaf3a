"""What a practitioner would else take for texts: linear models on character n-grams."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.data.table import Table
from tests.bench.training.division import Division, Model, Rows

# Inverse strengths of the regularisation, of which the validation rows choose one.
STRENGTHS = (1.0, 3.0, 10.0, 30.0)


def logistic_regression(division: Division) -> Model:
    """Logistic regression on TF-IDF of 1 to 5 characters."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    table, (train, validation) = division.table, (division.parts.train, division.parts.validation)
    counts = _counts()
    columns, others = counts.fit_transform(_texts(table, train)), counts.transform(_texts(table, validation))

    def attempt(strength: float) -> tuple[float, Any]:
        classifier = LogisticRegression(C=strength, max_iter=5 if division.quick else 300)
        classifier.fit(columns, table.target[train])
        return log_loss(table.target[validation], classifier.predict_proba(others)), classifier

    _, best = min(map(attempt, STRENGTHS), key=lambda found: found[0])
    return _model(counts, best)


def naive_bayes(division: Division) -> Model:
    """Multinomial naive Bayes on the same."""
    from sklearn.naive_bayes import MultinomialNB

    counts, train = _counts(), division.parts.train
    columns = counts.fit_transform(_texts(division.table, train))
    return _model(counts, MultinomialNB(alpha=0.1).fit(columns, division.table.target[train]))


def _counts() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True, dtype=np.float32)


def _model(counts: Any, classifier: Any) -> Model:
    return lambda table, rows: classifier.predict_proba(counts.transform(_texts(table, rows)))


def _texts(table: Table, rows: Rows) -> list[str]:
    assert table.text is not None
    return [table.text.values[row] for row in rows]
