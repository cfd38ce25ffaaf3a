"""Tables by name, through scikit-learn's own loaders and fetchers, which keep what they download in its cache."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.columns import Column, NumberColumn, WordBuilder, WordColumn, coded
from model.data.sheet import Sheet, beyond, check_names, check_rows, no_number
from model.errors import DataError
from model.recipe.sections import OPENML, SETS, SKLEARN
from mulgam.wording import shown

# Without a byte for so many seconds, a server counts as out of reach.
_PATIENCE = 5


def read(source: str, target: str | None = None) -> tuple[Sheet, str]:
    """A table by name, and the column to predict.

    A column has the type that the fetcher tells: classes and nominal values are words, all else is numbers.

    Args:
        source: `sklearn:` and one of `SETS`, or `openml:` and a name or number.
        target: of an OpenML set; None: the one that the set names.

    Raises:
        DataError: it is neither in scikit-learn's cache nor to be had, or does not make a table.
    """
    with _had(source):
        bunch, target = (
            _openml(source, target) if source.startswith(OPENML) else _of_scikit_learn(source.removeprefix(SKLEARN))
        )
    columns = _features(bunch, source)
    if target in columns:
        raise DataError(f"{source}: the target {shown(target)} is a feature's name, too.")
    columns[target] = _target(bunch)
    rows = len(bunch.target)
    check_rows(rows, source)
    sheet = Sheet(
        source, columns, rows, _sha256(columns),
        description=f"{source}: {_title(bunch.DESCR)}.", one_scale=hasattr(bunch, "images"),
    )  # fmt: skip
    for name, column in columns.items():
        if isinstance(column, NumberColumn) and (row := beyond(column.values)) is not None:
            raise no_number(sheet.place(row, name), f"{column.values[row]:g}", name)
    return sheet, target


def _of_scikit_learn(name: str) -> tuple[Any, str]:
    # Imported here: scikit-learn takes a second to load, which a recipe error should not wait for.
    from sklearn import datasets

    bundled = getattr(datasets, f"load_{name}", None)
    if bundled is not None:
        return bundled(), SETS[name]
    fetch = getattr(datasets, f"fetch_{name}")
    return fetch(n_retries=1, **({"subset": "all"} if name == "20newsgroups" else {})), SETS[name]


def _openml(source: str, target: str | None) -> tuple[Any, str]:
    from sklearn.datasets import fetch_openml

    name = source.removeprefix(OPENML)
    which = {"data_id": int(name)} if name.isdecimal() else {"name": name}
    # Arrays, not frames: those would need pandas for the same values.
    bunch = fetch_openml(
        **which, target_column=target or "default-target", as_frame=False, parser="liac-arff", n_retries=1
    )
    if len(bunch.target_names) != 1:
        named = ", ".join(bunch.target_names[:8]) or "none"
        raise DataError(f"{source} names not one column to predict but {named}; choose one by [data] target.")
    if not isinstance(bunch.data, np.ndarray):
        raise DataError(f"{source} is a sparse set, of which no table is made.")
    return bunch, bunch.target_names[0]


@contextlib.contextmanager
def _had(source: str) -> Iterator[None]:
    """One attempt to download, and what is wrong in one sentence."""
    from sklearn.datasets import get_data_home

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Said before an attempt is repeated. A person who is offline should not wait for that.
            warnings.filterwarnings("error", message="A network error occurred|Retry downloading")
            yield
    except (OSError, UserWarning) as problem:
        cause = problem.__context__ if isinstance(problem, UserWarning) else problem
        reason = getattr(cause, "reason", None) or cause
        raise DataError(
            f"{source} is not in scikit-learn's cache ({get_data_home()}) and can't be downloaded: {reason};"
            " run once where there is a network, or copy the cache (SCIKIT_LEARN_DATA names its folder)."
        ) from problem
    except DataError:
        raise
    # A set or target that is not there, columns of free text; and of a damaged cache whatever its reader says.
    except Exception as problem:
        reason = " ".join(str(problem.args[0] if problem.args else problem).split()).rstrip(".")[:300]
        raise DataError(f"{source} can't be fetched as a table: {reason or 'its cache is damaged'}.") from problem
    finally:
        socket.setdefaulttimeout(before)


def _features(bunch: Any, source: str) -> dict[str, Column]:
    if isinstance(bunch.data, list):
        texts = WordBuilder()
        texts.add(bunch.data)
        return {"text": texts.column()}
    names = [name.strip() for name in bunch.feature_names]
    check_names(names, source)
    nominal = getattr(bunch, "categories", None) or {}
    return {
        name: _nominal(values, nominal[given]) if given in nominal else NumberColumn(values)
        for name, given, values in zip(names, bunch.feature_names, bunch.data.T, strict=True)
    }


def _nominal(values: npt.NDArray[np.float64], levels: list[str]) -> WordColumn:
    """Numbers into levels, NaN where missing."""
    return coded(np.where(np.isnan(values), -1, values).astype(np.int32), levels, "category")


def _target(bunch: Any) -> Column:
    values = np.asarray(bunch.target)
    if values.dtype == object:
        words = WordBuilder()
        words.add(["" if value is None else str(value) for value in values])
        return words.column()
    if values.dtype.kind in "iu" and len(bunch.get("target_names", ())) == len(np.unique(values)) > 1:
        return coded(values, [str(name) for name in bunch.target_names])
    return NumberColumn(values.astype(np.float64))


def _title(description: str) -> str:
    """The first line of a description that is no mark of its own."""
    lines = (line.strip() for line in description.splitlines())
    return next((line for line in lines if line and not line.startswith((".. ", "**"))), "").rstrip(".")[:120]


def _sha256(columns: dict[str, Column]) -> str:
    """Over names and values: a set has no file of one form."""
    digest = hashlib.sha256()
    for name, column in columns.items():
        digest.update(f"{name}\n".encode())
        if isinstance(column, NumberColumn):
            digest.update(column.values.tobytes())
        elif isinstance(column, WordColumn):
            digest.update(column.codes.tobytes())
            digest.update("\n".join(column.levels).encode("utf-8", "replace"))
    return digest.hexdigest()
