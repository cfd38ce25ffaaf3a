"""A table in a file: Parquet by its suffix, else separated values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from model.data import lines, parquet, separated
from model.data.assembly import assemble
from model.data.roles import Roles
from model.data.sheet import Sheet
from model.data.table import Table
from model.errors import DataError
from mulgam.signature import FeatureType, Task

PARQUET = (".parquet", ".pq")


def read(
    path: Path, target: str, *, ignore: Sequence[str] = (), separator: str | None = None, task: Task | None = None,
    types: Mapping[str, FeatureType] | None = None, units: Mapping[str, str] | None = None, columns: Sequence[str] = (),
) -> Table:  # fmt: skip
    """Read a table.

    Args:
        path: of a Parquet file, or of a text file in UTF-8.
        target: the column to predict.
        ignore: columns to leave out.
        separator: between values of a text file; None: a tab for `.tsv`, else a comma.
        task: None: classification where the target is of words or has at most 10 different numbers.
        types: of columns whose type is not to be inferred.
        units: of columns of numbers.
        columns: names of the columns of a text file without a header line.

    Raises:
        DataError: the file can't be read or learnt from.
    """
    roles = Roles(target, task, ignore, types or {}, units or {})
    return assemble(_sheet(path, roles, separator, columns), roles)


def _sheet(path: Path, roles: Roles, separator: str | None, columns: Sequence[str]) -> Sheet:
    lines.check_file(path)
    if path.suffix.lower() not in PARQUET:
        return separated.read(path, roles, separator, columns)
    if separator is not None or columns:
        key = "separator" if separator is not None else "columns"
        raise DataError(f"{path.name} is a Parquet file, which needs no [data] {key}.")
    return parquet.read(path, roles)
