"""Section of a classification: which classes are taken for which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.report.blocks import Cell, Note, Section, Table
from model.scores.findings import Findings

MOST_CLASSES = 20
MOST_PAIRS = 20


def section(found: Findings, classes: tuple[str, ...]) -> Section:
    """The confusion matrix; of many classes the pairs that are confused most."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (found.target, found.predicted.argmax(axis=1)), 1)
    if len(classes) <= MOST_CLASSES:
        return Section("Confusion matrix", [_matrix(counts, classes)])
    return Section("Confusions", [_pairs(counts, classes)])


def _matrix(counts: npt.NDArray[np.int64], classes: tuple[str, ...]) -> Table:
    of_class = np.maximum(counts.sum(axis=1), 1)
    predicted = np.maximum(counts.sum(axis=0), 1)
    rows: list[list[str | Cell]] = []
    for place, label in enumerate(classes):
        shares = counts[place] / of_class[place]
        cells = [
            Cell(f"{count:,}" if count else "", float(share))
            for count, share in zip(counts[place], shares, strict=True)
        ]
        rows.append([label, *cells, Cell(f"{shares[place]:.3f}")])
    precision = [f"{counts[place, place] / predicted[place]:.3f}" for place in range(len(classes))]
    rows.append(["precision", *map(Cell, precision), Cell("")])
    return Table(
        ["true \\ predicted", *classes, "recall"],
        rows,
        "held-out rows; the stronger the colour, the more of the true class",
    )


def _pairs(counts: npt.NDArray[np.int64], classes: tuple[str, ...]) -> Table | Note:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(classes)) for place in order if wrong.flat[place]]
    if not pairs:
        return Note("No held-out row is taken for another class.")
    rows = [
        [classes[true], classes[taken], f"{wrong[true, taken]:,}", f"{wrong[true, taken] / counts[true].sum():.1%}"]
        for true, taken in pairs
    ]
    return Table(
        ["true", "predicted", "rows", "of the true class"], rows, f"the most frequent of {len(classes)} classes"
    )
