"""Error by slice: the groups of held-out rows that the model serves worse than the rest.

A slice is a word of a category, a quarter of a number's range by rows, a length of text, a class or a quarter of the
target, or the rows where a value is missing. They are ranked by how many standard errors their mean error lies above
that of the others, so that a few unlucky rows do not come first (compare Chung et al., "Slice Finder", ICDE 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.table import Table
from model.scores import evaluation
from model.scores.evaluation import PRIMARY
from model.scores.standing import shown_score

FEWEST_ROWS = 20
FEWEST_SHARE = 0.01
QUANTILES = 4
MOST_WORDS = 50
SHOWN = 10
# Standard errors from which a slice counts as worse: among a hundred slices of pure chance about one gets so far.
CLEARLY = 2.5

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """One group of held-out rows.

    Attributes:
        feature: whose values make the group.
        values: which values.
        rows: how many.
        score: the primary score within.
        apart: standard errors by which its mean error lies above that of the other rows.
    """

    feature: str
    values: str
    rows: int
    score: float
    apart: float

    @property
    def clear(self) -> bool:
        """Whether it is worse by more than chance would easily make it."""
        return self.apart >= CLEARLY


@dataclass(frozen=True)
class Slices:
    """The worst slices, the worst first, out of how many that had rows enough."""

    score: str
    fewest: int
    looked_at: int
    worst: tuple[Slice, ...]


def find(table: Table, rows: npt.NDArray[np.int64], predicted: npt.NDArray[Any]) -> Slices:
    """The worst slices of held-out rows.

    Args:
        table: all rows.
        rows: numbers of the held-out ones.
        predicted: answers for these, [N] or [N, K].
    """
    target = table.target[rows]
    score = evaluation.scores_of(table.task)
    errors = predicted.argmax(axis=1) != target if table.classes else (predicted.astype(np.float64) - target) ** 2
    fewest = max(FEWEST_ROWS, int(np.ceil(FEWEST_SHARE * len(rows))))
    found = []
    for feature, values, within in _groups(table, rows):
        if fewest <= within.sum() <= len(rows) - fewest:
            reached = score(predicted[within], target[within])[PRIMARY[table.task]]
            apart = _standard_errors(errors[within], errors[~within])
            found.append(Slice(feature, values, int(within.sum()), reached, apart))
    worst = sorted((one for one in found if one.apart > 0), key=lambda one: -one.apart)
    return Slices(PRIMARY[table.task], fewest, len(found), tuple(worst[:SHOWN]))


def _groups(table: Table, rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, str, Mask]]:
    """Feature, values and mask of every slice; of columns that share one scale, such as pixels, only the target's."""
    if not table.one_scale:
        for column, name in enumerate(table.numbers):
            yield from _quarters(name, table.numeric[rows, column])
        for words in table.words:
            yield from _words(words.name, words.codes[rows], words.levels)
        if table.text is not None:
            lengths = np.array([len(table.text.values[row]) for row in rows], dtype=np.float64)
            yield from _quarters(table.text.name, lengths, " characters")
    if table.classes:
        yield from _words(table.target_name, table.target[rows], table.classes)
    else:
        yield from _quarters(table.target_name, table.target[rows])


def _quarters(name: str, values: npt.NDArray[Any], what: str = "") -> Iterator[tuple[str, str, Mask]]:
    missing = np.isnan(values)
    yield name, "missing", missing
    if missing.all():
        return
    edges = np.unique(np.quantile(values[~missing], np.linspace(0, 1, QUANTILES + 1)))
    if len(edges) == 1:
        return
    # A value equal to an inner edge counts below it, as in the histograms.
    places = np.searchsorted(edges[1:-1], values, side="left")
    for place, (low, high) in enumerate(pairwise(edges)):
        yield name, f"{shown_score(low)} – {shown_score(high)}{what}", (places == place) & ~missing


def _words(name: str, codes: npt.NDArray[Any], levels: tuple[str, ...]) -> Iterator[tuple[str, str, Mask]]:
    yield name, "missing", codes < 0
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    for code in np.argsort(-counts, kind="stable")[:MOST_WORDS]:
        yield name, levels[code], codes == code


def _standard_errors(inside: npt.NDArray[Any], outside: npt.NDArray[Any]) -> float:
    """Welch's t of the difference in mean error; Student's where all rows within are wrong, or all right."""
    inside, outside = inside.astype(np.float64), outside.astype(np.float64)
    pooled = np.var(np.concatenate([inside, outside]), ddof=1)
    within, without = (np.var(errors, ddof=1) or pooled for errors in (inside, outside))
    spread = within / len(inside) + without / len(outside)
    gap = float(inside.mean() - outside.mean())
    return gap / float(np.sqrt(spread)) if spread > 0 else 0.0
