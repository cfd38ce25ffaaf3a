"""pandas, where the caller uses it: it is never imported, only found to be there."""

from __future__ import annotations

import sys
from typing import Any

import numpy.typing as npt


def is_series(rows: Any) -> bool:
    """Whether rows are a pandas Series."""
    return _is("Series", rows)


def index_of(rows: Any) -> Any:
    """The index of a pandas DataFrame or Series; None of anything else."""
    return rows.index if _is("DataFrame", rows) or is_series(rows) else None


def series(values: npt.NDArray[Any], index: Any, name: str) -> Any:
    """A Series with the index that a caller's rows have."""
    return sys.modules["pandas"].Series(values, index=index, name=name)


def frame(values: npt.NDArray[Any], index: Any, columns: tuple[str, ...]) -> Any:
    """A DataFrame with the index that a caller's rows have."""
    return sys.modules["pandas"].DataFrame(values, index=index, columns=list(columns))


def _is(kind: str, rows: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(rows, getattr(pandas, kind))
