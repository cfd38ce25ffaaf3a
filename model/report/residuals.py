"""Section of a regression: predicted and true quantities, and what is left between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from model.report.blocks import Note, Plot, Plots, Section
from model.report.drawing import FAINT, INK, ONE, draw
from model.scores.findings import Findings
from model.scores.standing import shown_score
from mulgam.signature import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 800
_BINS = 30
# What an axis has room for beside a unit.
_LONGEST_NAME = 24

Floats = npt.NDArray[np.float64]


def section(found: Findings, target: Target, features: int) -> Section:
    """Predicted against true, residuals over the prediction, and their distribution."""
    true = np.asarray(found.target, dtype=np.float64)
    predicted = np.asarray(found.predicted, dtype=np.float64)
    residuals = true - predicted
    shown = _some(len(true))
    unit = f" [{target.unit}]" if target.unit else ""
    name = f" {_short(target.name)}{unit}"
    drawings = [
        Plot(
            draw("predicted-vs-true", "Predicted against true values", _agreement(predicted[shown], true[shown], name)),
            "Points on the line are right.",
        ),
        Plot(
            draw("residuals", "Residuals over predictions", _residuals(predicted[shown], residuals[shown], name, unit)),
            "A residual is true minus predicted. A shape in the cloud is something that the model has not learnt.",
        ),
        Plot(
            draw("residual-histogram", "Histogram of the residuals", _histogram(residuals, unit)),
            "The outermost percent on each side is counted in the last bars.",
        ),
    ]
    points = (
        f" The clouds show {len(shown):,} of {len(true):,} rows, drawn at random." if len(shown) < len(true) else ""
    )
    return Section("Residuals", [Note(_described(residuals, features, unit) + points), Plots(drawings)])


def _described(residuals: Floats, features: int, unit: str) -> str:
    half, most = np.quantile(np.abs(residuals), [0.5, 0.9])
    text = (
        f"Half of the held-out predictions lie within {shown_score(float(half))}{unit} of the truth, nine in ten within"
        f" {shown_score(float(most))}{unit}; on average they are {_side(float(residuals.mean()))}{unit}."
    )
    freedom = len(residuals) - features - 1
    if freedom > 0:
        variance = float(np.sum(residuals**2)) / freedom
        # The divisor of the lecture notes' "MSE": rows minus the parameters of a linear model.
        text += f" Residual variance Σr² / (n − p − 1) with {features} features: {shown_score(variance)}."
    return text


def _side(mean: float) -> str:
    return f"too {'low' if mean > 0 else 'high'} by {shown_score(abs(mean))}"


def _some(rows: int) -> npt.NDArray[np.int64]:
    """The rows whose points are drawn: all, or as many as a page can bear."""
    return np.random.default_rng(0).permutation(rows)[:MOST_POINTS]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _agreement(predicted: Floats, true: Floats, name: str) -> Any:
    def paint(axes: Axes) -> None:
        low, high = float(min(predicted.min(), true.min())), float(max(predicted.max(), true.max()))
        axes.plot([low, high], [low, high], color=INK, linewidth=1)
        axes.scatter(true, predicted, s=7, color=ONE, alpha=0.5, linewidths=0)
        axes.set_xlabel(f"true{name}")
        axes.set_ylabel(f"predicted{name}")

    return paint


def _residuals(predicted: Floats, residuals: Floats, name: str, unit: str) -> Any:
    def paint(axes: Axes) -> None:
        axes.axhline(0, color=INK, linewidth=1)
        axes.scatter(predicted, residuals, s=7, color=ONE, alpha=0.5, linewidths=0)
        axes.set_xlabel(f"predicted{name}")
        axes.set_ylabel(f"residual{unit}")

    return paint


def _histogram(residuals: Floats, unit: str) -> Any:
    def paint(axes: Axes) -> None:
        low, high = np.quantile(residuals, [0.01, 0.99])
        axes.hist(np.clip(residuals, low, high), bins=_BINS, color=ONE, alpha=0.8)
        axes.axvline(0, color=FAINT, linewidth=1)
        axes.set_xlabel(f"residual{unit}")
        axes.set_ylabel("rows")

    return paint
