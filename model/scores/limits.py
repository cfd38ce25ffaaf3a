"""How much each baseline is given: it stands beside a training, and should not take longer or fill the memory."""

from __future__ import annotations

import numpy as np

from model.data.split import Rows
from model.data.table import Table
from mulgam.signature import Feature

SVC, BOOSTED, LOGISTIC = "support vector machine", "gradient boosting", "logistic regression"

# More rows change these baselines little, and several copies of a large table fill the memory.
MOST_ROWS = 100_000
# A support vector machine takes time and memory by the square of its rows.
MOST_SVC_ROWS = 5000
# What is fitted for each class anew: so many rows times classes.
MOST_ROWS_OF_CLASSES = {BOOSTED: 1_000_000, LOGISTIC: 10_000_000}
# Trees of a text's directions, and the n-grams of so many characters: of 100 each, 100,000 texts.
MOST_BOOSTED_TEXTS = 10_000
MOST_CHARACTERS = 10_000_000
# The most frequent n-grams, so that the weights of all classes fit into the memory.
MOST_WEIGHTS = 4_000_000
# One machine for each pair of classes, a hundred trees for each class.
MOST_CLASSES = 100


def rows(name: str, table: Table, features: tuple[Feature, ...], train: int) -> int:
    """On how many of so many training rows a baseline is fitted: on the first ones of their random order."""
    most = min(train, MOST_ROWS)
    if name in MOST_ROWS_OF_CLASSES:
        most = min(most, MOST_ROWS_OF_CLASSES[name] // max(len(table.classes), 1))
    if name == SVC:
        most = min(most, MOST_SVC_ROWS)
    if table.text is not None:
        most = min(most, texts(table, features), MOST_BOOSTED_TEXTS if name == BOOSTED else most)
    return most


def first(name: str, table: Table, features: tuple[Feature, ...], train: Rows) -> Rows:
    """Places in `train` of the rows that a baseline is fitted on; one of another class where the first are of one."""
    places = np.arange(rows(name, table, features, len(train)))
    target = table.target[train]
    if table.classes and (target[places] == target[0]).all():
        places[-1] = (target != target[0]).argmax()
    return places


def texts(table: Table, features: tuple[Feature, ...]) -> int:
    """Of how many training texts the n-grams are taken."""
    assert table.text is not None
    (length,) = (feature.length for feature in features if feature.type == "text")
    average = float(np.mean([min(len(text), length or 0) for text in table.text.values]))
    return int(MOST_CHARACTERS / max(average, 1.0))


def left_out(table: Table) -> dict[str, str]:
    """Name → why, of the baselines that are not fitted."""
    if len(table.classes) <= MOST_CLASSES:
        return {}
    names = (BOOSTED,) if table.text is not None else (SVC, BOOSTED)
    return dict.fromkeys(names, f"not fitted for more than {MOST_CLASSES} classes, for it would take too long")
