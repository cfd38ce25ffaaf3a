"""What a run prints: the recipe with its defaults and the table's profile before, scores beside baselines after."""

from __future__ import annotations

import resource
import sys

from model.data import profile
from model.data.table import Table
from model.recipe.sections import Recipe
from model.recipe.writing import dumps
from model.scores.standing import LABELS, Standing, shown_score
from model.training.history import History
from mulgam.registry import Entry

MOST_LINES = 40


def opening(recipe: Recipe, table: Table) -> str:
    """The recipe as it will run, and what was found in the table."""
    found = profile.lines(table)
    missing = sum(line.missing for line in found)
    classes = f", {len(table.classes)} classes" if table.classes else ""
    text = [*dumps(recipe).splitlines(), ""]
    text.append(
        f"  {len(table)} rows, {len(table.features)} features, {missing} missing values; {table.task} of"
        f" {table.target_name}{classes}" + (" (synthetic data)" if table.synthetic else "")
    )
    wide = max(len(line.name) for line in found[:MOST_LINES])
    for line in found[:MOST_LINES]:
        gaps = f", {line.missing} missing" if line.missing else ""
        text.append(f"    {line.name:<{wide}}  {line.type:<8}  {line.distinct} distinct{gaps}: {line.values}")
    if len(found) > MOST_LINES:
        text.append(f"    … and {len(found) - MOST_LINES} more; report.html has all of them")
    text.append(f"  target {table.target_name}: {profile.target(table)}")
    text += [f"  warning: {warning}" for warning in profile.warnings(table)]
    return "\n".join(text)


def outcome(standings: list[Standing], history: History, entry: Entry) -> str:
    """Scores, and where the version is."""
    lines = [f"  stopped after epoch {len(history.epochs)}, kept epoch {history.best}"]
    for standing in standings:
        lines.append(f"  {standing.split} split, {standing.rows['test']} held-out rows")
        lines += [f"    {name:<24}{_scores(scores)}" for name, scores in standing.lines]
        lines += [f"    {name:<24}{reason}" for name, reason in standing.left_out.items()]
        lines.append(f"    {standing.verdict}")
    lines.append(f"  published {entry.path}, digest {entry.digest[:12]}")
    return "\n".join(lines)


def spent(seconds: float) -> str:
    """How long a run took, and the most memory that the process has had until now."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"took {seconds:.1f} s, peak memory {peak / 1e6:,.0f} MB"


def _scores(scores: dict[str, float]) -> str:
    return "  ".join(f"{LABELS[name]} {shown_score(value):<8}" for name, value in scores.items()).rstrip()
