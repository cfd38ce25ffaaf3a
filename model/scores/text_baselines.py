"""Baselines of texts: naive Bayes, logistic regression or ridge on character n-grams, beside the other columns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from model.data.graph_inputs import encoded
from model.data.split import Split
from model.data.table import Table
from model.scores import evaluation
from model.scores.evaluation import Scores
from mulgam.signature import CATEGORIES, Feature


def score(table: Table, features: tuple[Feature, ...], parts: Split) -> dict[str, Scores]:
    """Name → scores on the test rows, in the order shown; trained on the same training rows as the network."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import MultinomialNB

    train, test = _matrices(table, features, parts)
    models: dict[str, Any] = (
        {
            "majority class": DummyClassifier(),
            "naive Bayes": MultinomialNB(alpha=0.1),
            "logistic regression": LogisticRegression(C=30.0, max_iter=200),
        }
        if table.classes
        else {"mean": DummyRegressor(), "ridge": Ridge()}
    )
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers at their iteration limit
        for name, model in models.items():
            model.fit(train, table.target[parts.train])
            if table.classes:
                scores[name] = evaluation.classification(model.predict_proba(test), table.target[parts.test])
            else:
                scores[name] = evaluation.regression(model.predict(test), table.target[parts.test])
    return scores


def _matrices(table: Table, features: tuple[Feature, ...], parts: Split) -> tuple[Any, Any]:
    """Training and test rows: TF-IDF of 1 to 5 characters of the same stretch that the network reads; all from 0 on."""
    from scipy import sparse  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

    assert table.text is not None
    (length,) = (feature.length for feature in features if feature.type == "text")
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True, dtype=np.float32)
    texts = [text[:length] for text in table.text.values]
    found = [
        [vectorizer.fit_transform([texts[row] for row in parts.train])],
        [vectorizer.transform([texts[row] for row in parts.test])],
    ]
    others = []
    if table.numbers:
        steps = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), MinMaxScaler(clip=True))
        others.append((table.numeric, steps))
    if table.words:
        words = encoded(table, features, np.arange(len(table)))[CATEGORIES]
        others.append((words, OneHotEncoder(handle_unknown="ignore")))
    for values, step in others:
        found[0].append(sparse.csr_matrix(step.fit_transform(values[parts.train])))
        found[1].append(sparse.csr_matrix(step.transform(values[parts.test])))
    train, test = (sparse.hstack(part).tocsr() for part in found)
    return train, test
