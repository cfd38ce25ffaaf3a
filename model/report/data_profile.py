"""Section: the table that was learnt from."""

from __future__ import annotations

from model.data import profile
from model.data.table import Table as Data
from model.report.blocks import Block, Folded, Listing, Section, Table

MOST_LISTED = 40
# Columns that share one scale, as pixels do, are much alike.
FEW_LISTED = 8
_UNIT = 2


def section(table: Data) -> Section:
    """Each feature with its gaps and range; only counts, ranges, medians and frequent words are shown."""
    rows = [
        [line.name, line.type, line.unit, f"{line.missing:,}", f"{line.distinct:,}", line.values]
        for line in profile.lines(table)
    ]
    head = ["feature", "type", "unit", "missing", "distinct", "lowest … median … highest, or most frequent"]
    unit = table.units.get(table.target_name, "")
    target = [f"target: {table.target_name}", "", unit, "0", "", profile.target(table)]
    if not any(row[_UNIT] for row in (*rows, target)):
        for row in (head, *rows, target):
            del row[_UNIT]
    listed = FEW_LISTED if table.one_scale else MOST_LISTED
    blocks: list[Block] = [Table(head, [*rows[:listed], target], stacked=True)]
    if rest := rows[listed:]:
        blocks.append(Folded(f"{len(rest)} more features", [Table(head, rest, stacked=True)]))
    if warnings := profile.warnings(table):
        blocks.append(Listing(warnings))
    return Section("Data", blocks)
