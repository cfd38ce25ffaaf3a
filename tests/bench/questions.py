"""What is aimed at: ratios of one contestant's cells to another's, or to the better of several."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.cells import BULK_BINARY, BULK_JSON, BULK_ROWS, ROW, Cell, Sample
from tests.bench.rounds import Results
from tests.bench.statistic import Spread, ratio

Value = Callable[[Sample], float]


def rate(sample: Sample) -> float:
    """Answers a second."""
    return sample.rate


def p50(sample: Sample) -> float:
    """Median latency."""
    return sample.p50


def rows_rate(sample: Sample) -> float:
    """Rows a second of a bulk cell."""
    return sample.rate * BULK_ROWS


@dataclass(frozen=True)
class Question:
    """A ratio of two contestants' cells: the first to the second, and what we aim at.

    Where several are named in the second place, it is the one whose rate is the greatest in that cell.
    """

    text: str
    above: tuple[str, Cell]
    below: tuple[tuple[str, ...], Cell]
    value: Value
    aim: float
    less_is_better: bool = False

    @property
    def by_cpu(self) -> bool:
        """Whether CPU time tells the same: a rate with the server's core full, not one with idle waits in it."""
        return not self.less_is_better and (self.above[1].connections >= 64 or self.above[1].rows > 1)


@dataclass(frozen=True)
class Found:
    """A question with its answer: to whom it was compared, the ratio, and the same by CPU time where that tells it."""

    question: Question
    compared_with: str
    ratio: Spread
    by_cpu: float | None


def _rates(first: str, second: str | tuple[str, ...], cell: Cell, text: str, aim: float) -> Question:
    return Question(text, (first, cell), ((second,) if isinstance(second, str) else second, cell), rate, aim)


def _latencies(first: str, second: str, cell: Cell, text: str, aim: float) -> Question:
    return Question(text, (first, cell), ((second,), cell), p50, aim, less_is_better=True)


EMBEDDED, GATEWAY, ALONE, BATCHED = (
    "mulgam-embedded", "mulgam-torchserve", "torchserve-1", ("torchserve-32", "torchserve-64"),
)  # fmt: skip
QUESTIONS = (
    _rates(GATEWAY, ALONE, ROW[64], "Mulgam + TorchServe ÷ TorchServe alone, batch 1: requests/s, c=64", 7),
    _rates(GATEWAY, ALONE, ROW[8], "the same, c=8", 1.7),
    _latencies(GATEWAY, ALONE, ROW[1], "the same: p50, c=1", 1.3),
    _rates(GATEWAY, BATCHED, ROW[64], "Mulgam + TorchServe ÷ TorchServe alone at its best batch: requests/s, c=64", 1),
    _rates(GATEWAY, BATCHED, ROW[8], "the same, c=8", 1),
    _rates(GATEWAY, BATCHED, ROW[1], "the same, c=1", 2),
    _rates(EMBEDDED, "bare", ROW[64], "Mulgam embedded ÷ bare granian: requests/s, c=64", 0.45),
    _latencies(EMBEDDED, "bare", ROW[1], "the same: p50, c=1", 3),
    _rates(EMBEDDED, "fastapi", ROW[1], "Mulgam embedded ÷ FastAPI + uvicorn: requests/s, c=1", 2),
    _rates(EMBEDDED, "fastapi", ROW[8], "the same, c=8", 3.5),
    _rates(EMBEDDED, "fastapi", ROW[64], "the same, c=64", 4),
    _rates(EMBEDDED, "flask", ROW[64], "Mulgam embedded ÷ Flask + gunicorn: requests/s, c=64", 8),
    Question(
        "Mulgam embedded, binary ÷ ONNX Runtime alone: rows/s, 256 rows a request, c=8",
        (EMBEDDED, BULK_BINARY[8]), (("onnxruntime",), BULK_JSON[1]), rows_rate, 0.7,
    ),
    Question(
        "Mulgam embedded ÷ FastAPI + uvicorn: rows/s, 256 rows a request, JSON, c=8",
        (EMBEDDED, BULK_JSON[8]), (("fastapi",), BULK_JSON[8]), rows_rate, 2,
    ),
)  # fmt: skip


def answered(results: Results) -> list[Found]:
    """Every question whose two sides were measured."""
    found = []
    for question in QUESTIONS:
        names, cell = question.below
        above = results.of(*question.above)
        name = max(names, key=lambda one: _median_rate(results, one, cell))
        below = results.of(name, cell)
        if above and below:
            of = ratio([question.value(one) for one in above], [question.value(one) for one in below])
            found.append(Found(question, name, of, _by_cpu(question, above, below)))
    return found


def _median_rate(results: Results, name: str, cell: Cell) -> float:
    return statistics.median(one.rate for one in results.of(name, cell)) if results.of(name, cell) else 0.0


def _by_cpu(question: Question, above: list[Sample], below: list[Sample]) -> float | None:
    """By CPU time for a request, which others on the core lengthen less than they do the wall's."""
    return ratio([one.cpu for one in below], [one.cpu for one in above]).median if question.by_cpu else None
