"""matplotlib's figures as inline SVG that takes the page's colours, so that it is readable in the dark and on paper."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Drawn in these, and replaced by the page's own colours. Each is written by matplotlib as it stands here.
INK, FAINT = "#010203", "#040506"
LINES = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05")
ONE, TWO = LINES[:2]
_VARIABLES = {INK: "--ink", FAINT: "--faint", **{colour: f"--line-{n}" for n, colour in enumerate(LINES, start=1)}}

# In points, which a phone shows one to one: two stand side by side on a larger screen.
WIDTH, HEIGHT = 350, 240
_POINTS_PER_INCH = 72
_STYLE: dict[Any, Any] = {
    "font.size": 10, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9,
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": FAINT,
    "axes.facecolor": "none", "figure.facecolor": "none", "legend.frameon": False, "axes.spines.top": False,
    "axes.spines.right": False, "lines.linewidth": 1.6, "axes.grid": True, "grid.color": FAINT, "grid.alpha": 0.25,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "text.parse_math": False, "svg.fonttype": "none",
}  # fmt: skip


def draw(name: str, label: str, paint: Callable[[Axes], None], height: int = HEIGHT) -> Markup:
    """One drawing; equal input gives equal bytes.

    Args:
        name: of the drawing, different from the others' on a page: it keeps their ids apart.
        label: what a person hears who cannot see it.
        paint: draws on the axes, in this module's colours.
        height: in points.
    """
    # Here, because importing takes half a second that a run needs only at its end.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The fonts that measure a label need not have its letters; the reader's browser has.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH), layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _inline(buffer.getvalue(), label)


def _inline(svg: str, label: str) -> Markup:
    """The drawing without what belongs to a file of its own, in the page's colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.DOTALL)
    head, _, rest = svg.partition(">")
    view = re.search(r'viewBox="[^"]*"', head)
    assert view is not None
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', rest))
    # In tags alone: what stands between them is text of labels, which is nobody's to change.
    rest = re.sub(r"<[^>]+>", lambda tag: _tidy(tag[0], used), rest)
    rest = re.sub(r">\s+<", "><", rest)
    # matplotlib has escaped the labels; the page's own text is escaped here.
    return Markup(f'<svg {view[0]} role="img" aria-label="{escape(label)}">{rest}')  # noqa: S704 # nosec B704 # see above


def _tidy(tag: str, used: set[str]) -> str:
    """A tag without an id that nothing refers to, the fonts that matplotlib measured with, and needless digits."""
    tag = tag.replace("xlink:href", "href")
    tag = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", tag)
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r"font-family: [^;\"]*; ?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    tag = re.sub(r"(\d+\.\d\d)\d+", r"\1", tag)
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, f"var({variable})")
    return re.sub(r"\s+", " ", tag)
