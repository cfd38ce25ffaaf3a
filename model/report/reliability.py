"""Section of a classification: how far its probabilities can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.report.blocks import Note, Plot, Plots, Section
from model.report.drawing import FAINT, ONE, TWO, draw
from model.scores.calibration import Calibration
from model.scores.findings import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def section(found: Findings) -> Section:
    """The reliability diagram with the expected calibration error, before and after a temperature."""
    after, before = found.calibration, found.uncalibrated
    assert after is not None
    text = f"Expected calibration error {after.ece:.4f}, negative log likelihood {after.nll:.4f} on held-out rows"
    if before is None:
        text += "; no temperature is fitted ([training] calibrate = true fits one)."
    else:
        text += (
            f", with the temperature {found.temperature:.3f} that was fitted on the validation rows and lies in the"
            f" graph. Without it: {before.ece:.4f} and {before.nll:.4f}. It changes no answer's most likely class."
        )

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
        if before is not None:
            _line(axes, before, TWO, "before")
        _line(axes, after, ONE, "published" if before is None else "with temperature")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        axes.legend(loc="upper left")

    caption = (
        "Rows in tenths of the highest probability; a larger point has more rows. Below the dashed line the model is"
        " surer than it is right."
    )
    return Section(
        "Calibration", [Note(text), Plots([Plot(draw("reliability", "Reliability diagram", paint), caption)])]
    )


def _line(axes: Axes, found: Calibration, colour: str, label: str) -> None:
    sure, right = [one.confidence for one in found.bins], [one.accuracy for one in found.bins]
    rows = sum(one.rows for one in found.bins)
    axes.plot(sure, right, color=colour, label=label)
    axes.scatter(
        sure, right, s=[12 + 160 * one.rows / rows for one in found.bins], color=colour, alpha=0.6, linewidths=0
    )
