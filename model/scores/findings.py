"""What was found on held-out rows beside the scores: calibration, importance, slices. For report and `metrics.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.table import Table
from model.scores import calibration, evaluation, importance, slices
from model.scores.calibration import Calibration
from model.scores.importance import Predict, Ranking
from model.scores.slices import Slices
from mulgam.signature import Signature
from mulgam.tensors import Arrays

# Shuffling a feature seldom flips an answer, so its importance is told in the finer score.
_RISES = {"regression": "rmse", "classification": "log_loss"}
MOST_IN_METRICS = 100


@dataclass(frozen=True)
class Findings:
    """Held-out rows, answers to them, and what they show.

    Attributes:
        target: [N], quantities or class numbers.
        predicted: the model's answers, [N] or [N, K].
        ranking: permutation importance.
        slices: the worst ones.
        calibration: of a classification.
        uncalibrated: the same before a temperature was folded into the graph; None where none was.
        temperature: that temperature, 1 where none was fitted.
    """

    target: npt.NDArray[Any]
    predicted: npt.NDArray[Any]
    ranking: Ranking
    slices: Slices
    calibration: Calibration | None = None
    uncalibrated: Calibration | None = None
    temperature: float = 1.0


def find(
    table: Table, signature: Signature, rows: npt.NDArray[np.int64], inputs: Arrays, predict: Predict, seed: int,
    temperature: float = 1.0,
) -> Findings:  # fmt: skip
    """Look at held-out rows from all sides.

    Args:
        table: all rows.
        signature: of the model.
        rows: numbers of the held-out ones.
        inputs: the same as graph inputs.
        predict: graph inputs → answers.
        seed: of the shuffles.
        temperature: that was folded into the graph.
    """
    target, predicted = table.target[rows], predict(inputs)
    score = evaluation.scores_of(table.task)
    ranking = importance.rank(predict, signature, inputs, target, score, _RISES[table.task], seed)
    worst = slices.find(table, rows, predicted)
    if not table.classes:
        return Findings(target, predicted, ranking, worst)
    before = None if temperature == 1.0 else calibration.measure(_at(predicted, temperature), target)
    return Findings(target, predicted, ranking, worst, calibration.measure(predicted, target), before, temperature)


def metrics(found: Findings) -> dict[str, Any]:
    """What `metrics.json` holds of the findings."""
    most = found.ranking.ranked[:MOST_IN_METRICS]
    document: dict[str, Any] = {
        "importance": {
            "score": found.ranking.score,
            "rows": found.ranking.rows,
            "rises": {one.feature: one.mean for one in most},
        },
        "slices": {
            "score": found.slices.score,
            "fewest_rows": found.slices.fewest,
            "looked_at": found.slices.looked_at,
            "worst": [asdict(one) for one in found.slices.worst],
        },
    }
    if found.calibration is not None:
        document["calibration"] = {
            "ece": found.calibration.ece,
            "nll": found.calibration.nll,
            "temperature": found.temperature,
            "before": None
            if found.uncalibrated is None
            else {"ece": found.uncalibrated.ece, "nll": found.uncalibrated.nll},
        }
    return document


def _at(probabilities: npt.NDArray[Any], temperature: float) -> npt.NDArray[np.float64]:
    """What the probabilities were before their logits were divided by a temperature."""
    wide = probabilities.astype(np.float64) ** temperature
    return np.asarray(wide / wide.sum(axis=1, keepdims=True))
