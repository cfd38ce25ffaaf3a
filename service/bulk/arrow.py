"""pyarrow: loaded only where a file is Parquet, and its errors in one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from mulgam.errors import MulgamError


def load() -> Any:
    """pyarrow with its `parquet`; raises MulgamError where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as problem:
        raise MulgamError(
            f"Parquet needs pyarrow: pip install pyarrow, or convert the file to CSV ({problem})."
        ) from problem
    return pyarrow


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what pyarrow raises at a file into a MulgamError that names it."""
    pyarrow = load()
    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as problem:
        reason = " ".join(str(problem).split())
        if "decrypt" in reason:
            raise MulgamError(f"{name} is encrypted; decrypt it first.") from problem
        raise MulgamError(f"{name} is no Parquet file, or a damaged one: {reason.rstrip('.')[:200]}.") from problem
