"""`report.html`: the run on one self-contained page, readable on a phone and in the dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from model.data import profile
from model.data.table import Table
from model.release.parity import Comparison
from model.scores.standing import LABELS, Standing, shown_score
from model.training.loop import History
from mulgam.signature import Signature

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --one: #2563eb; --two: #d97706; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
.verdict {{ font-weight: 600; border-left: 4px solid var(--one); padding-left: .75rem; }}
.beaten {{ border-color: var(--two); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }} caption {{ text-align: left; opacity: .75; }}
th, td {{ padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
pre {{ overflow-x: auto; border: 1px solid var(--line); padding: .75rem; }}
svg {{ width: 100%; height: auto; }} .train {{ stroke: var(--two); }} .validation {{ stroke: var(--one); }}
svg text {{ font-size: 12px; fill: currentColor; }} svg path {{ fill: none; stroke-width: 2; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def page(
    signature: Signature, table: Table, standings: Sequence[Standing], history: History,
    comparisons: Iterable[Comparison], recipe: str,
) -> str:  # fmt: skip
    """The page as HTML.

    Args:
        signature: of the model.
        table: what it was trained on; only counts, ranges and medians are shown.
        standings: the published model's first.
        history: its epochs.
        comparisons: of the parity gate.
        recipe: as run, TOML.
    """
    first = standings[0]
    sections = [
        f'<p class="verdict{" beaten" if first.beaten else ""}">{escape(first.verdict)}</p>',
        f"<p>{escape(_about(signature, table))}</p>",
        "<h2>Scores on held-out rows</h2>",
        *map(_scores, standings),
        "<h2>Learning curve</h2>",
        _curve(history),
        "<h2>Same answers in every runtime</h2>",
        _parity(comparisons),
        "<h2>Data</h2>",
        _profile(table),
        "<h2>Recipe</h2>",
        f"<pre>{escape(recipe)}</pre>",
    ]
    return _PAGE.format(title=escape(signature.model), body="\n".join(sections))


def _about(signature: Signature, table: Table) -> str:
    unit = f" [{signature.target.unit}]" if signature.target.unit else ""
    synthetic = " The rows are synthetic." if table.synthetic else ""
    few = " Fewer than ten rows for each feature: scores may be luck." if profile.is_small(table) else ""
    of = f"{len(table.features)} feature{'s' if len(table.features) > 1 else ''}"
    return (
        f"{signature.description} {signature.task.capitalize()} of {signature.target.name}{unit} from {of},"
        f" {len(table):,} rows.{synthetic}{few}"
    ).strip()


def _scores(standing: Standing) -> str:
    names = list(standing.scores)
    head = ["", *(LABELS[name] for name in names)]
    rows = [[label, *(_cell(scores.get(name)) for name in names)] for label, scores in standing.lines]
    parts = ", ".join(f"{count:,} {part}" for part, count in standing.rows.items())
    return _table(head, rows, caption=f"split: {standing.split} ({parts} rows)")


def _parity(comparisons: Iterable[Comparison]) -> str:
    rows = [[one.runtime, one.rows, f"{one.largest:.2g}", f"{one.allowed:.2g}"] for one in comparisons]
    return _table(["runtime", "rows", "largest difference", "allowed"], rows, caption="against the trained module")


def _profile(table: Table) -> str:
    rows = [
        [line.name, line.type, line.unit, str(line.missing), f"{line.distinct:,}", line.values]
        for line in profile.lines(table)
    ]
    head = ["feature", "type", "unit", "missing", "distinct", "lowest … median … highest, or most frequent"]
    rows.append(
        [f"target: {table.target_name}", "", table.units.get(table.target_name, ""), "0", "", profile.target(table)]
    )
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in profile.warnings(table))
    return _table(head, rows) + (f"<ul>{warnings}</ul>" if warnings else "")


def _cell(value: float | None) -> str:
    return "–" if value is None else shown_score(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table; cells that hold numbers are set to the right."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = ("".join(f"<td{_number_class(cell)}>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{title}<tr>{titles}</tr>\n{body}</table></div>'


def _number_class(cell: str) -> str:
    return ' class="n"' if cell[:1].isdigit() or cell[:1] in "-–" else ""


_WIDTH, _HEIGHT, _MARGIN = 640, 240, 48


def _curve(history: History) -> str:
    """Training and validation loss over epochs, the loss on a logarithmic scale."""
    train = [epoch.train_loss for epoch in history.epochs]
    validation = [epoch.validation_loss for epoch in history.epochs]
    logs = [math.log10(max(value, 1e-12)) for value in train + validation]
    low, high = min(logs), max(logs)
    span = high - low or 1.0

    def x(number: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * (number - 1) / max(len(train) - 1, 1)

    def y(log: float) -> float:
        return _HEIGHT - _MARGIN / 2 - (_HEIGHT - _MARGIN) * (log - low) / span

    def path(values: list[float], name: str) -> str:
        points = (
            f"{x(number):.1f},{y(math.log10(max(value, 1e-12))):.1f}" for number, value in enumerate(values, start=1)
        )
        return f'<path class="{name}" d="M{" L".join(points)}"/>'

    best = x(history.best)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Loss over {len(train)} epochs">'
        f'<line x1="{best:.1f}" x2="{best:.1f}" y1="12" y2="{_HEIGHT - 24}" stroke="currentColor"'
        ' stroke-dasharray="3"/>'
        f'<text x="{best + 4:.1f}" y="12">kept: epoch {history.best}</text>'
        f'<text x="0" y="{y(high) + 4:.1f}">{10**high:.2g}</text><text x="0" y="{y(low) + 4:.1f}">{10**low:.2g}</text>'
        f'<text x="{_MARGIN}" y="{_HEIGHT - 4}">epoch 1</text>'
        f'<text x="{_WIDTH - _MARGIN}" y="{_HEIGHT - 4}" text-anchor="end">{len(train)}</text>'
        f"{path(train, 'train')}{path(validation, 'validation')}</svg>"
        '<p><span style="color:var(--two)">■</span> training <span style="color:var(--one)">■</span> validation'
        " (loss, logarithmic scale)</p>"
    )
