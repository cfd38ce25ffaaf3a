"""Section: which features the answers depend on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from model.report.blocks import Block, Cell, Folded, Note, Plot, Plots, Section, Table
from model.report.drawing import ONE, WIDTH, draw
from model.scores.importance import Importance, Ranking
from model.scores.standing import LABELS, shown_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LISTED = 20
MOST_IN_ALL = 200
MOST_PIXELS = 1024


def section(ranking: Ranking, pixels: bool) -> Section:
    """A table, the most important first; of a square image a map of its pixels.

    Args:
        ranking: of the features.
        pixels: whether they share one scale, as the pixels of an image do.
    """
    label = LABELS[ranking.score]
    often = f"mean of {ranking.repeats} times, ± standard deviation" if ranking.repeats > 1 else "once"
    note = (
        f"How much the {label} of {ranking.rows:,} held-out rows rises when one feature's values are shuffled among the"
        f" rows ({often}). Features that say the same share their importance."
    )
    side = math.isqrt(len(ranking.features))
    if pixels and side**2 == len(ranking.features) <= MOST_PIXELS and side > 1:
        return Section("Importance", [Note(note), Plots([_map(ranking, side)])])
    return Section("Importance", [Note(note), *_tables(ranking, label)])


def _tables(ranking: Ranking, label: str) -> list[Block]:
    ranked = ranking.ranked
    first = _table(ranked[:MOST_LISTED], ranked[0].mean, label)
    rest = ranked[MOST_LISTED:MOST_IN_ALL]
    return [first, Folded(f"{len(rest)} more", [_table(rest, ranked[0].mean, label)])] if rest else [first]


def _table(features: list[Importance], highest: float, label: str) -> Table:
    rows: list[list[str | Cell]] = [
        [
            one.feature,
            Cell(f"{'+' if one.mean >= 0 else '-'}{shown_score(abs(one.mean))}"),
            Cell(f"± {shown_score(one.deviation)}"),
            Cell("", bar=max(one.mean, 0.0) / highest if highest > 0 else 0.0),
        ]
        for one in features
    ]
    return Table(["feature", f"{label} rises by", "", ""], rows)


def _map(ranking: Ranking, side: int) -> Plot:
    rises = np.array([max(one.mean, 0.0) for one in ranking.features]).reshape(side, side)
    highest = float(rises.max()) or 1.0

    def paint(axes: Axes) -> None:
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Rectangle

        axes.grid(visible=False)
        for (row, column), rise in np.ndenumerate(rises):
            corner = (column - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor=to_rgba(ONE, float(rise) / highest), linewidth=0))
        axes.set_xlim(-0.5, side - 0.5)
        axes.set_ylim(side - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(_ticks(side))
        axes.set_yticks(_ticks(side))
        axes.set_xlabel("column")
        axes.set_ylabel("row")

    most = ranking.ranked[0]
    caption = (
        f"The {side} × {side} pixels; the strongest is {most.feature}, whose shuffling costs {shown_score(most.mean)}."
        " Empty ones cost nothing."
    )
    return Plot(draw("pixels", "Importance of the pixels", paint, height=WIDTH - 20), caption)


def _ticks(side: int) -> list[int]:
    return list(range(0, side, max(1, side // 8)))
