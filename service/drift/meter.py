"""The drift of one served version: rows are put aside as they are predicted, and counted a few times a second.

Counting a row by itself would cost more than predicting it; of many rows at a time it is next to nothing. What is put
aside between two counts is bounded: beyond that the rest of the moment is not looked at, which makes the counts a
sample and not wrong. To count all features at once would hold the event loop for milliseconds: it goes on between them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mulgam.signature import Signature
from mulgam.tensors import Arrays
from service.drift.histograms import Counts, columns, prediction
from service.drift.index import population_stability_index
from service.protocols.base import Output
from service.versions.ranges import MOST_FEATURES

# Rows that one count looks at, and features in a step of it: a third of a millisecond.
MOST_ROWS = 512
_STEP = 4
# Of fewer rows an index says more about chance than about drift.
LEAST_ROWS = 200
COUNTED_EVERY, SHOWN_EVERY = 0.25, 5.0  # seconds


@dataclass(frozen=True)
class FeatureDrift:
    """One feature over the window: the index, and the shares of rows that are missing and unseen."""

    index: float
    missing: float
    unseen: float


@dataclass
class _Seen:
    """Decaying counts of one feature."""

    counts: Counts
    missing: float = 0.0
    unseen: float = 0.0


class DriftMeter:
    """Counts what a version is asked and what it answers, older rows ever less.

    Args:
        signature: of the version.
        baseline: its `baseline.json`.
        half_life: seconds after which a row counts half.
    """

    def __init__(self, signature: Signature, baseline: Mapping[str, Any], half_life: float) -> None:
        found = columns(signature, baseline)
        self._columns = {name: found[name] for name in list(found)[:MOST_FEATURES]}
        self._prediction = prediction(signature, baseline)
        self._half_life = half_life
        self._aside: list[tuple[Arrays, Output]] = []
        self._aside_rows = 0
        self._rows = 0.0
        self._seen = {name: _Seen(np.zeros_like(one.histogram.expected)) for name, one in self._columns.items()}
        self._predicted = None if self._prediction is None else np.zeros_like(self._prediction.expected)
        self._counted = time.monotonic()
        self._shown = -math.inf

    def observe(self, inputs: Arrays, output: Output) -> None:
        """Put the rows of one call aside; their arrays must not change."""
        if self._aside_rows < MOST_ROWS:
            self._aside.append((inputs, output))
            self._aside_rows += len(output)

    def is_due(self) -> bool:
        """Whether there is something to count, and it is time to."""
        return bool(self._aside) and time.monotonic() - self._counted >= COUNTED_EVERY

    def is_shown_due(self) -> bool:
        """Whether it is time to show the indices again; once for each time that it says so."""
        now = time.monotonic()
        if now - self._shown < SHOWN_EVERY or self._rows < LEAST_ROWS:
            return False
        self._shown = now
        return True

    def counting(self) -> Iterator[dict[str, int]]:
        """Count what was put aside, in steps between which others can be served.

        Yields:
            feature -> values out of the range of training, where there are any among the features of a step.
        """
        now = time.monotonic()
        factor, self._counted = 0.5 ** ((now - self._counted) / self._half_life), now
        if not self._aside:
            return
        aside, self._aside, self._aside_rows = self._aside, [], 0
        inputs = {name: np.concatenate([inputs[name] for inputs, _ in aside])[:MOST_ROWS] for name in aside[0][0]}
        output = np.concatenate([output for _, output in aside])[:MOST_ROWS]
        self._rows = self._rows * factor + len(output)
        if self._prediction is not None and self._predicted is not None:
            self._predicted *= factor
            self._predicted += self._prediction.fill(output if output.ndim == 1 else output.argmax(axis=1))
        yield {}
        names = list(self._columns)
        for first in range(0, len(names), _STEP):
            counted = ((name, self._count(name, inputs, factor)) for name in names[first : first + _STEP])
            yield {name: found for name, found in counted if found}

    def _count(self, name: str, inputs: Arrays, factor: float) -> int:
        """Count one feature; how many of its values training did not see."""
        column, seen = self._columns[name], self._seen[name]
        values = column.values(inputs)
        seen.counts *= factor
        seen.counts += column.histogram.fill(values)
        seen.missing = seen.missing * factor + column.missing(values)
        seen.unseen = seen.unseen * factor + column.unseen(values)
        return column.out_of_range(values)

    def features(self) -> Iterator[tuple[str, FeatureDrift]]:
        """Each feature's drift; none while too few rows were seen."""
        if self._rows < LEAST_ROWS:
            return
        for name, seen in self._seen.items():
            index = population_stability_index(self._columns[name].histogram.expected, seen.counts)
            yield name, FeatureDrift(index, seen.missing / self._rows, seen.unseen / self._rows)

    @property
    def prediction_index(self) -> float | None:
        """The index of what was predicted; None while too few rows were seen, or training left no histogram."""
        if self._prediction is None or self._predicted is None or self._rows < LEAST_ROWS:
            return None
        return population_stability_index(self._prediction.expected, self._predicted)
