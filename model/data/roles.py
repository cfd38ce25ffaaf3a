"""What a recipe says of a table's columns: which one is predicted, which are left out, which type some have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from model.errors import DataError
from mulgam.signature import FeatureType, Task
from mulgam.wording import shown


@dataclass(frozen=True)
class Roles:
    """Roles of columns.

    Attributes:
        target: the column to predict.
        task: None: classification where the target is of words or has at most 10 different numbers.
        ignore: columns to leave out.
        types: of columns whose type is not to be inferred.
        units: of columns of numbers.
    """

    target: str
    task: Task | None = None
    ignore: Sequence[str] = ()
    types: Mapping[str, FeatureType] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def check(self, names: Sequence[str], where: str) -> None:
        """Raises DataError, naming the table `where` and the nearest name, where a column is not among `names`."""
        _check_known((self.target,), "to predict", names, where)
        _check_known(self.ignore, "to ignore", names, where)
        _check_known(self.types, "to give a type to", names, where)
        _check_known(self.units, "to give a unit to", names, where)

    def are_words(self, name: str) -> bool:
        """Whether a column holds words because the recipe says so, though they may look like numbers."""
        return self.types.get(name, "number") != "number"


def _check_known(wanted: Iterable[str], purpose: str, names: Sequence[str], where: str) -> None:
    for column in wanted:
        if column not in names:
            near = difflib.get_close_matches(column, names, n=1)
            known = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            hint = f"did you mean {near[0]!r}?" if near else f"it has {known}."
            raise DataError(f"{where} has no column {shown(column)} {purpose}; {hint}")
