"""How the model stands beside the baselines and the noise floor, on one division of the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from model.data.split import Split
from model.data.table import Table
from model.scores import baselines, evaluation, limits
from model.scores.evaluation import PRIMARY, Scores
from mulgam.signature import Feature, Task

LABELS = {
    "rmse": "RMSE", "mae": "MAE", "r2": "R²", "rmsle": "RMSLE", "accuracy": "accuracy", "log_loss": "log loss"
}  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """Scores on held-out rows.

    Attributes:
        task: regression or classification.
        split: how the rows were divided.
        rows: part -> number of rows.
        scores: of the model.
        baselines: name -> scores, trained on the same rows.
        noise_floor: scores of the generator's own noise-free formula, which nothing can beat but by chance.
        fitted_rows: baseline -> training rows, of those that were fitted on a part of them.
        left_out: baseline -> why it was not fitted.
    """

    task: Task
    split: str
    rows: dict[str, int]
    scores: Scores
    baselines: dict[str, Scores]
    noise_floor: Scores | None
    fitted_rows: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """One sentence: who is best."""
        name = PRIMARY[self.task]
        best, scores = self.best_baseline
        ours, theirs = self.scores[name], scores[name]
        shown = f"{LABELS[name]} {shown_score(ours)} against {shown_score(theirs)}"
        if self.beaten:
            return f"A baseline wins: {best} is better than the network on held-out rows ({shown})."
        if ours == theirs:
            return f"The network equals the best baseline, {best}, on held-out rows ({shown})."
        return f"The network is better than every baseline on held-out rows ({shown} by {best})."

    @property
    def best_baseline(self) -> tuple[str, Scores]:
        """Name and scores of the best one."""
        name = PRIMARY[self.task]
        sign = 1.0 if name in evaluation.MORE_IS_BETTER else -1.0
        best = max(self.baselines, key=lambda one: sign * self.baselines[one][name])
        return best, self.baselines[best]

    @property
    def beaten(self) -> bool:
        """Whether a baseline is strictly better in the primary score."""
        return evaluation.better(self.task, self.best_baseline[1], self.scores)

    @property
    def lines(self) -> list[tuple[str, Scores]]:
        """All scores with their names, the model first."""
        floor = [] if self.noise_floor is None else [("noise floor", self.noise_floor)]
        return [("network", self.scores), *((self._named(name), its) for name, its in self.baselines.items()), *floor]

    def _named(self, baseline: str) -> str:
        rows = self.fitted_rows.get(baseline)
        return baseline if rows is None else f"{baseline} (fitted on {rows:,} rows)"


def compare(
    table: Table, features: tuple[Feature, ...], parts: Split, kind: str, predicted: npt.NDArray[Any], seed: int
) -> Standing:
    """Score predictions for the test rows, and the baselines on the same rows.

    Args:
        table: all rows.
        features: of the table, as the signature tells them.
        parts: how they were divided.
        kind: that division's name.
        predicted: the model's answers for `parts.test`, [N] or [N, K].
        seed: of the baselines.
    """
    target = table.target[parts.test]
    score = evaluation.scores_of(table.task)
    floor = None
    if table.noise_free is not None:
        floor = evaluation.regression(table.noise_free[parts.test], target)
    rows = {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)}
    others = baselines.score(table, features, parts, seed)
    fitted = {name: limits.rows(name, table, features, rows["train"]) for name in others}
    fewer = {name: count for name, count in fitted.items() if count < rows["train"]}
    return Standing(table.task, kind, rows, score(predicted, target), others, floor, fewer, limits.left_out(table))


def metrics(standings: list[Standing], epochs: int, best_epoch: int) -> dict[str, Any]:
    """What `metrics.json` holds, but for parity; the first standing is the published model's."""
    first, *others = standings
    return {
        "task": first.task,
        "primary": PRIMARY[first.task],
        "verdict": first.verdict,
        **_document(first),
        "other_splits": [_document(one) for one in others],
        "epochs": epochs,
        "best_epoch": best_epoch,
    }


def _document(standing: Standing) -> dict[str, Any]:
    return {
        "split": standing.split,
        "rows": standing.rows,
        "scores": standing.scores,
        "baselines": standing.baselines,
        "baselines_fitted_on": standing.fitted_rows,
        "baselines_left_out": standing.left_out,
        "noise_floor": standing.noise_floor,
    }


def shown_score(value: float) -> str:
    """A score for people: four significant digits, large ones in full."""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e12 else f"{value:.4g}"
