"""The drift of one served version: rows are put aside as they are predicted, and counted a few times a second.

Counting a row by itself would cost more than predicting it; of many rows at a time it is next to nothing. What is put
aside between two counts is bounded: beyond that the rest of the moment is not looked at, which makes the counts a
sample and not wrong.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mulgam.signature import Signature
from mulgam.tensors import Arrays
from service.drift.histograms import Counts, columns, prediction
from service.drift.index import population_stability_index
from service.protocols.base import Output
from service.versions.ranges import MOST_FEATURES

# Rows that one count looks at.
MOST_ROWS = 2048
# Of fewer rows an index says more about chance than about drift.
LEAST_ROWS = 200
COUNTED_EVERY, SHOWN_EVERY = 1.0, 5.0  # seconds


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
        """Whether it is time to count again."""
        return time.monotonic() - self._counted >= COUNTED_EVERY

    def is_shown_due(self) -> bool:
        """Whether it is time to show the indices again; once for each time that it says so."""
        now = time.monotonic()
        if now - self._shown < SHOWN_EVERY or self._rows < LEAST_ROWS:
            return False
        self._shown = now
        return True

    def count(self) -> dict[str, int]:
        """Count what was put aside.

        Returns:
            feature -> values out of the range of training among them, where there are any.
        """
        now = time.monotonic()
        self._decay(0.5 ** ((now - self._counted) / self._half_life))
        self._counted = now
        if not self._aside:
            return {}
        aside, self._aside, self._aside_rows = self._aside, [], 0
        inputs = {name: np.concatenate([inputs[name] for inputs, _ in aside])[:MOST_ROWS] for name in aside[0][0]}
        output = np.concatenate([output for _, output in aside])[:MOST_ROWS]
        self._rows += len(output)
        if self._prediction is not None and self._predicted is not None:
            self._predicted += self._prediction.fill(output if output.ndim == 1 else output.argmax(axis=1))
        outside = {}
        for name, column in self._columns.items():
            values, seen = column.values(inputs), self._seen[name]
            seen.counts += column.histogram.fill(values)
            seen.missing += column.missing(values)
            seen.unseen += column.unseen(values)
            if found := column.out_of_range(values):
                outside[name] = found
        return outside

    def features(self) -> dict[str, FeatureDrift]:
        """Each feature's drift; none while too few rows were seen."""
        if self._rows < LEAST_ROWS:
            return {}
        return {
            name: FeatureDrift(
                population_stability_index(self._columns[name].histogram.expected, seen.counts),
                seen.missing / self._rows, seen.unseen / self._rows,
            )
            for name, seen in self._seen.items()
        }  # fmt: skip

    @property
    def prediction_index(self) -> float | None:
        """The index of what was predicted; None while too few rows were seen, or training left no histogram."""
        if self._prediction is None or self._predicted is None or self._rows < LEAST_ROWS:
            return None
        return population_stability_index(self._prediction.expected, self._predicted)

    def _decay(self, factor: float) -> None:
        self._rows *= factor
        if self._predicted is not None:
            self._predicted *= factor
        for seen in self._seen.values():
            seen.counts *= factor
            seen.missing *= factor
            seen.unseen *= factor
