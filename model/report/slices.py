"""Section: the groups of rows that are served worst."""

from __future__ import annotations

from model.report.blocks import Note, Section, Table
from model.scores.slices import CLEARLY, Slices
from model.scores.standing import LABELS, shown_score


def section(found: Slices, overall: float) -> Section:
    """A table of the worst slices, beside the score of all held-out rows."""
    label = LABELS[found.score]
    if not found.looked_at:
        few = f"There are too few held-out rows to look at groups of them: each would need {found.fewest} at least."
        return Section("Error by slice", [Note(few)])
    note = (
        f"The {label} of all held-out rows is {shown_score(overall)}. Of {found.looked_at} groups with at least"
        f" {found.fewest} rows (each word, each quarter of a number's values, missing values, the target's own), these"
        " are the worst, by how many standard errors their mean error lies above the others'."
    )
    if not found.worst:
        return Section("Error by slice", [Note(note.split(", these")[0] + ", none is worse than the rest.")])
    rows = [
        [
            one.feature,
            one.values,
            f"{one.rows:,}",
            shown_score(one.score),
            f"{one.apart:.1f}",
            "worse" if one.clear else "",
        ]
        for one in found.worst
    ]
    head = ["feature", "values", "rows", label, "standard errors", ""]
    chance = f"From {CLEARLY:g} standard errors on a group counts as worse; below, chance alone may have put it here."
    return Section("Error by slice", [Note(note), Table(head, rows, stacked=True), Note(chance, quiet=True)])
