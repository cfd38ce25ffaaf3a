"""Parquet, read column by column, each with the type that the file gives it. pyarrow is loaded only here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from model.data import lines
from model.data.columns import Column, NumberBuilder, UnlearntColumn, WordColumn, coded
from model.data.roles import Roles
from model.data.sheet import Sheet, beyond, check_names, check_rows, no_number, place
from model.errors import DataError
from mulgam.encoding.categories import BOOLEANS
from mulgam.wording import shown


def read(path: Path, roles: Roles) -> Sheet:
    """Read a file.

    Integers, floats and decimals are numbers, booleans are booleans, dictionaries are categories, and strings are
    categories or texts; a null, a NaN and an empty string are missing values. Dates and times are left out.

    Args:
        path: of a regular file.
        roles: what the recipe says of its columns.

    Raises:
        DataError: it can't be read, lacks a column or has one that is nested, or has too few rows.
    """
    import pyarrow.parquet

    with _readable(path), pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
        # Spaces round a name are as invisible here as in a text file.
        names = [name.strip() for name in file.schema_arrow.names]
        check_names(names, path.name)
        check_rows(file.metadata.num_rows, path.name)
        roles.check(names, path.name)
        columns = {
            name: _column(file, field, path.name, name, roles)
            for name, field in zip(names, file.schema_arrow, strict=True)
            if name not in roles.ignore
        }
        return Sheet(path.name, columns, file.metadata.num_rows, lines.sha256(path))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as problem:
        reason = " ".join(str(problem).split()).rstrip(".")[:200]
        raise DataError(f"{path.name} is no Parquet file, or a damaged one: {reason}.") from problem


def _column(file: Any, field: Any, where: str, name: str, roles: Roles) -> Column:
    """One column by its type in the file; errors call the file `where` and the column `name`."""
    from pyarrow import types

    held = field.type
    if types.is_dictionary(held):
        held = held.value_type
    if types.is_null(held) or types.is_integer(held) or types.is_floating(held) or types.is_decimal(held):
        wide = name == roles.target or roles.are_words(name)
        return _numbers(file, field.name, where, wide=wide)
    if types.is_boolean(held) or _is_string(held):
        return _words(file, field)
    if types.is_temporal(held):
        reason = f"it holds Parquet's {held}; turn it into numbers (year, month, days since …) or strings"
        return UnlearntColumn(reason)
    kind = "is nested" if types.is_nested(held) else "holds neither numbers nor words"
    raise DataError(
        f"{where}: column {shown(name)} {kind} (Parquet's {shown(str(held), 60)}); put it in [data] ignore."
    )


def _is_string(held: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(held) or types.is_large_string(held) or types.is_string_view(held))


def _numbers(file: Any, name: str, where: str, *, wide: bool) -> Column:
    import pyarrow

    builder, rows = NumberBuilder(wide=wide), 0
    for chunk in _chunks(file, name):
        if pyarrow.types.is_dictionary(chunk.type):
            chunk = chunk.dictionary_decode()
        # Not "safe", which refuses whole numbers that float64 rounds.
        floats = chunk.cast(pyarrow.float64(), safe=False).fill_null(float("nan")).to_numpy(zero_copy_only=False)
        if (row := beyond(floats)) is not None:
            raise no_number(place(where, rows + row, name.strip()), f"{floats[row]:g}", name.strip())
        builder.add(floats)
        rows += len(floats)
    return builder.column()


def _words(file: Any, field: Any) -> WordColumn:
    from pyarrow import types

    column = file.read(columns=[field.name], use_threads=False).column(0)
    if types.is_boolean(field.type):
        codes = column.cast("int8").fill_null(-1).to_numpy().astype(np.int32)
        return coded(codes, BOOLEANS, "boolean")
    declared = types.is_dictionary(field.type)
    encoded = (column if declared else column.dictionary_encode()).unify_dictionaries().combine_chunks()
    chunks = encoded.chunks if hasattr(encoded, "chunks") else [encoded]
    codes = np.concatenate([chunk.indices.fill_null(-1).to_numpy() for chunk in chunks])
    levels = [level or "" for level in chunks[0].dictionary.to_pylist()]
    return coded(codes, levels, "category" if declared else None, missing=lambda level: level == "")


def _chunks(file: Any, name: str) -> Iterator[Any]:
    """A column, a row group at a time."""
    for group in range(file.num_row_groups):
        yield from file.read_row_group(group, columns=[name], use_threads=False).column(0).chunks
