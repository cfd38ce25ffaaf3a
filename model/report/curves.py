"""Section of a classification: ROC and precision-recall curves, each class against the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from model.report.blocks import Cell, Note, Plot, Plots, Section, Table
from model.report.drawing import FAINT, LINES, draw
from model.scores.findings import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LISTED = 50
_MOST_POINTS = 150
_LONGEST_NAME = 16

Floats = npt.NDArray[np.float64]


def section(found: Findings, classes: tuple[str, ...]) -> Section:
    """Curves of the class that is told apart worst and its followers; of two classes, of the second."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    present = [place for place in range(len(classes)) if 0 < (found.target == place).sum() < len(found.target)]
    places = [place for place in present if place == 1] if len(classes) == 2 else present
    scored = []
    for place in places:
        truth, given = found.target == place, found.predicted[:, place].astype(np.float64)
        scored.append((float(roc_auc_score(truth, given)), float(average_precision_score(truth, given)), place))
    scored.sort()
    if not scored:
        return Section("ROC and precision-recall", [Note("The held-out rows are of one class; there is no curve.")])
    drawn = [place for *_, place in scored[: len(LINES)]]
    which = f"the {len(drawn)} classes that are told apart worst" if len(drawn) < len(scored) else "each class"
    note = f"{which[0].upper()}{which[1:]} against the rest." if len(classes) > 2 else f"Of the class {classes[1]}."
    blocks: list[Any] = [Note(note), Plots([_roc(found, classes, drawn), _precision(found, classes, drawn)])]
    rows: list[list[str | Cell]] = [
        [classes[place], f"{int((found.target == place).sum()):,}", Cell(f"{area:.4f}"), Cell(f"{precision:.4f}")]
        for area, precision, place in scored[:MOST_LISTED]
    ]
    more = f"; the worst {MOST_LISTED} of {len(scored)}" if len(scored) > MOST_LISTED else ""
    blocks.append(Table(["class", "rows", "ROC area", "average precision"], rows, f"held-out rows{more}"))
    return Section("ROC and precision-recall", blocks)


def _roc(found: Findings, classes: tuple[str, ...], places: list[int]) -> Plot:
    from sklearn.metrics import roc_curve

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
        for place, colour in zip(places, LINES, strict=False):
            wrong, right, _ = roc_curve(found.target == place, found.predicted[:, place])
            axes.plot(*_thinned(wrong, right), color=colour, label=_short(classes[place]))
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")
        axes.legend(loc="lower right")

    return Plot(draw("roc", "ROC curves", paint), "ROC: the dashed line is a coin's.")


def _precision(found: Findings, classes: tuple[str, ...], places: list[int]) -> Plot:
    from sklearn.metrics import precision_recall_curve

    def paint(axes: Axes) -> None:
        for place, colour in zip(places, LINES, strict=False):
            precision, recall, _ = precision_recall_curve(found.target == place, found.predicted[:, place])
            axes.step(
                *_thinned(recall[::-1], precision[::-1]), color=colour, label=_short(classes[place]), where="post"
            )
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")
        axes.set_ylim(-0.03, 1.03)
        axes.legend(loc="lower left")

    return Plot(draw("precision-recall", "Precision-recall curves", paint), "Precision and recall over all thresholds.")


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most so many points as can be told apart, the first and the last among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(np.int64))
    return x[kept], y[kept]


def _short(name: str) -> str:
    # matplotlib leaves a label that begins with an underscore out of the legend.
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return f"\u200b{name}" if name.startswith("_") else name
