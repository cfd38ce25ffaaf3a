"""What a run prints: the recipe with its defaults before, the scores beside the baselines after."""

from __future__ import annotations

import numpy as np

from model.recipe import Recipe, dumps
from model.report import is_small
from model.standing import LABELS, Standing, shown_score
from model.table import Table
from model.training import History
from mulgam.registry import Entry


def opening(recipe: Recipe, table: Table) -> str:
    """The recipe as it will run, and what was found in the table."""
    missing = int(np.isnan(table.numeric).sum())
    classes = f", {len(table.classes)} classes" if table.classes else ""
    lines = [*dumps(recipe).splitlines(), ""]
    lines.append(
        f"  {len(table)} rows, {len(table.features)} features, {missing} missing values; {table.task} of"
        f" {table.target_name}{classes}" + (" (synthetic data)" if table.synthetic else "")
    )
    if is_small(table):
        lines.append("  warning: fewer than ten rows for each feature; a good score may be luck")
    return "\n".join(lines)


def outcome(standings: list[Standing], history: History, entry: Entry) -> str:
    """Scores, and where the version is."""
    lines = [f"  stopped after epoch {len(history.epochs)}, kept epoch {history.best}"]
    for standing in standings:
        lines.append(f"  {standing.split} split, {standing.rows['test']} held-out rows")
        lines += [f"    {name:<24}{_scores(scores)}" for name, scores in standing.lines]
        lines.append(f"    {standing.verdict}")
    lines.append(f"  published {entry.path}, digest {entry.digest[:12]}")
    return "\n".join(lines)


def _scores(scores: dict[str, float]) -> str:
    return "  ".join(f"{LABELS[name]} {shown_score(value):<8}" for name, value in scores.items()).rstrip()
