"""Section: the scores beside those of the baselines."""

from __future__ import annotations

from collections.abc import Sequence

from model.report.blocks import Block, Note, Section, Table
from model.scores.standing import LABELS, Standing, shown_score


def section(standings: Sequence[Standing]) -> Section:
    """One table for each division of the rows, the network in its first row."""
    return Section("Scores on held-out rows", [block for standing in standings for block in _blocks(standing)])


def _blocks(standing: Standing) -> list[Block]:
    missing = [f"{name[0].upper()}{name[1:]}: {reason}." for name, reason in standing.left_out.items()]
    return [_table(standing), *([Note(" ".join(missing), quiet=True)] if missing else [])]


def _table(standing: Standing) -> Table:
    names = list(standing.scores)
    rows = [[label, *(_shown(scores.get(name)) for name in names)] for label, scores in standing.lines]
    parts = ", ".join(f"{count:,} {part}" for part, count in standing.rows.items())
    return Table(["", *(LABELS[name] for name in names)], rows, f"split: {standing.split} ({parts} rows)")


def _shown(value: float | None) -> str:
    return "–" if value is None else shown_score(value)
