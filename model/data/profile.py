"""The profile of a table: what a person wants to know of it before and beside a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import cells, leaks
from model.data.description import LONGEST_TEXT, MOST_CATEGORIES
from model.data.split import FEWEST_HELD_OUT
from model.data.table import Table, Words
from mulgam.signature import FeatureType
from mulgam.wording import listed, shown

_SHOWN_WORDS = 3


@dataclass(frozen=True)
class Line:
    """One feature: `values` tells its range, its most frequent words, or how long its texts are."""

    name: str
    type: FeatureType
    unit: str
    missing: int
    distinct: int
    values: str


def lines(table: Table) -> list[Line]:
    """One line for each feature, in the table's order."""
    found = {name: _number(table, name, values) for name, values in zip(table.numbers, table.numeric.T, strict=True)}
    found |= {column.name: _words(column) for column in table.words}
    if table.text is not None:
        lengths = [len(value) for value in table.text.values]
        low, middle, high = np.quantile(lengths, [0, 0.5, 1])
        found[table.text.name] = Line(
            table.text.name, "text", "", table.text.values.count(""), len(set(table.text.values) - {""}),
            f"{low:.0f} … {middle:.0f} … {high:.0f} characters",
        )  # fmt: skip
    return [found[name] for name in table.features]


def target(table: Table) -> str:
    """How the target is distributed."""
    if not table.classes:
        return _range(table.target) + f", deviation {np.std(table.target):.4g}"
    counts = np.bincount(table.target, minlength=len(table.classes))
    return _shares(table.classes, counts, len(table))


def warnings(table: Table) -> list[str]:
    """What may make the result worse, or better than it is."""
    found = [f"{shown(name)} is left out: {reason}" for name, reason in table.left_out.items()]
    if is_small(table):
        found.append("fewer than ten rows for each feature; a good score may be luck")
    found += _rare_classes(table)
    found += leaks.warnings(table)
    for column in table.words:
        if all(map(cells.is_date, column.levels)):
            found.append(
                f"{shown(column.name)} holds dates, each taken for a word; turn them into numbers (year, month, days"
                " since …)"
            )
        if len(column.levels) > MOST_CATEGORIES:
            found.append(
                f"{shown(column.name)} has {len(column.levels):,} words; all but the {MOST_CATEGORIES:,} most frequent"
                " count as unseen"
            )
    if table.text is not None and max(map(len, table.text.values)) > LONGEST_TEXT:
        found.append(f"of longer texts the model reads the first {LONGEST_TEXT} characters at most")
    return found


def _rare_classes(table: Table) -> list[str]:
    """Of which classes a random division holds no row out."""
    if not table.classes:
        return []
    counts = np.bincount(table.target, minlength=len(table.classes))
    rare = [shown(name) for name, count in zip(table.classes, counts, strict=True) if count < FEWEST_HELD_OUT]
    if not rare:
        return []
    which = f"the class {rare[0]} has" if len(rare) == 1 else f"the classes {listed(rare)} have"
    return [f"{which} fewer than {FEWEST_HELD_OUT} rows: a random split holds none out, and no score tells of it"]


def is_small(table: Table) -> bool:
    """Whether the table has so few rows that a perfect fit means nothing."""
    return len(table) < 10 * len(table.features)


def _number(table: Table, name: str, values: npt.NDArray[np.floating[Any]]) -> Line:
    known = values[~np.isnan(values)]
    return Line(
        name, "number", table.units.get(name, ""), len(values) - len(known), len(np.unique(known)), _range(known)
    )


def _words(column: Words) -> Line:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    shares = _shares(column.levels, counts, len(column.codes))
    missing = int((column.codes < 0).sum())
    return Line(column.name, column.type, "", missing, int(np.count_nonzero(counts)), shares)


def _range(values: npt.NDArray[np.floating[Any]]) -> str:
    return " … ".join(f"{value:.4g}" for value in np.quantile(values, [0, 0.5, 1]))


def _shares(names: tuple[str, ...], counts: npt.NDArray[np.int64], rows: int) -> str:
    """The most frequent names with their shares of the rows."""
    first = np.argsort(-counts, kind="stable")[:_SHOWN_WORDS]
    shares = [f"{names[place][:24]} {counts[place] / rows:.0%}" for place in first]
    return ", ".join(shares) + (", …" if len(names) > _SHOWN_WORDS else "")
