"""Section: the losses over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.report.blocks import Plot, Plots, Section
from model.report.drawing import FAINT, ONE, TWO, draw
from model.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Losses that differ by more than this are drawn on a logarithmic scale.
_WIDE = 5


def section(history: History) -> Section:
    """Training and validation loss, on a logarithmic scale where they fall far."""
    epochs = [epoch.number for epoch in history.epochs]
    train = [epoch.train_loss for epoch in history.epochs]
    validation = [epoch.validation_loss for epoch in history.epochs]

    def paint(axes: Axes) -> None:
        from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

        marker = "o" if len(epochs) == 1 else ""
        axes.plot(epochs, train, color=TWO, label="training", marker=marker)
        axes.plot(epochs, validation, color=ONE, label="validation", marker=marker)
        axes.axvline(history.best, color=FAINT, linestyle="--", linewidth=1, label=f"kept: epoch {history.best}")
        if min(train + validation) > 0 and max(train + validation) > _WIDE * min(train + validation):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            # The usual formatters write powers as TeX, which no label here may be taken for.
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend()

    drawing = draw("learning-curve", f"Loss over {len(epochs)} epochs", paint)
    caption = "In training dropout may be at work and the weights still move, so the two lines need not meet."
    return Section("Learning curve", [Plots([Plot(drawing, caption)])])
