"""From what a caller sends to the graph's input tensors, driven by the signature alone.

All arithmetic lives in the exported graph; only encoding happens outside it, and only here, so that
training and serving can't drift apart:

- a number becomes float32; a missing one NaN;
- a category or boolean becomes its vocabulary id: 0 unseen, 1 missing, the known values from 2 on;
- a text becomes NFC Unicode code points, int32, cut at the signature's length, padded with 0;
- a tensor's row, a list nested as deeply as its shape, becomes what its datatype says.
"""

from __future__ import annotations

import contextlib
import difflib
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from mulgam.errors import InputError
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Feature, Signature
from mulgam.tensors import DTYPES

Arrays = dict[str, npt.NDArray[Any]]

FLOAT32_MAX = float(np.finfo(np.float32).max)
UNSEEN, MISSING, FIRST_KNOWN = 0, 1, 2
_NUMBERS = frozenset({int, float})
BOOLEANS = ("false", "true")


class Encoder:
    """Encodes the instances of one model.

    Examples:
        >>> from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
        >>> rooms, price = (Feature("rooms", "number"),), Target("price")
        >>> house = Signature("house", "regression", rooms, price, graph_inputs(rooms), graph_outputs(price), {})
        >>> Encoder(house).encode([[3], {"rooms": None}])["numeric"].tolist()
        [[3.0], [nan]]
    """

    def __init__(self, signature: Signature) -> None:
        self._features = signature.features
        self._names = [feature.name for feature in signature.features]
        self._positions = {name: position for position, name in enumerate(self._names)}
        self._numbers = [self._positions[feature.name] for feature in signature.numbers]
        self._categories = [self._positions[feature.name] for feature in signature.categories]
        self._text = None if signature.text is None else self._positions[signature.text.name]
        self._vocabularies = {
            position: _ids(self._features[position])
            for position in self._categories
        }  # fmt: skip
        self._tensors = [self._positions[feature.name] for feature in signature.tensors]
        self._plain = set(self._numbers) == set(range(len(self._features)))
        self._plain_types = {int, float} | (
            {type(None)} if all(feature.missing for feature in self._features) else set()
        )

    def encode(self, instances: object) -> Arrays:
        """Instances (a list; each a list in feature order, an object, or the bare value of a text or one tensor).

        Returns:
            `numeric` float32 [N, F], `categories` int64 [N, C], `text` int32 [N, L]: those the model has; or its own
            tensors [N, …].

        Raises:
            InputError: with the code and the place of the first mistake.
        """
        rows = self._rows(instances)
        if self._plain:
            return {NUMERIC: self._plain_numbers(rows)}
        arrays: Arrays = {
            self._names[p]: np.stack([self._tensor(row[p], n, p) for n, row in enumerate(rows)]) for p in self._tensors
        }
        if self._numbers:
            arrays[NUMERIC] = np.array(
                [[self._number(row[p], n, p) for p in self._numbers] for n, row in enumerate(rows)], dtype=np.float32
            )
        if self._categories:
            arrays[CATEGORIES] = np.array(
                [[self._category(row[p], n, p) for p in self._categories] for n, row in enumerate(rows)],
                dtype=np.int64,
            )
        if self._text is not None:
            arrays[TEXT] = np.stack([self._points(row[self._text], n, self._text) for n, row in enumerate(rows)])
        return arrays

    @property
    def takes_matrices(self) -> bool:
        """Whether every feature is a number."""
        return self._plain

    def encode_matrix(self, matrix: npt.NDArray[np.float64]) -> Arrays | None:
        """What `encode` makes of rows that are lists of numbers.

        Args:
            matrix: finite, float64 [N, F'], for a model that takes matrices.

        Returns:
            None where they do not fit the model: `encode` says why.
        """
        if matrix.shape[1] != len(self._names) or np.abs(matrix).max() > FLOAT32_MAX:
            return None
        return {NUMERIC: matrix.astype(np.float32)}

    def encode_words(self, name: str, words: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A graph input that was sent as words instead of encoded.

        Args:
            name: `categories` (words [N, C]; empty: missing) or `text` (words [N] or [N, 1]).
            words: strings.

        Raises:
            InputError: WRONG_SHAPE, WRONG_TYPE or BAD_UTF8.
        """
        if name == TEXT and self._text is not None and words.size == len(words) > 0:
            position = self._text
            return np.stack([self._points(word, n, position) for n, word in enumerate(words.ravel().tolist())])
        if name != CATEGORIES or words.ndim != 2 or words.shape[1] != len(self._categories):
            raise InputError("WRONG_SHAPE", f"The input {shown(name)} can't be sent as words of this shape.", name)
        return np.array(
            [
                [self._word(row[c], n, p) for c, p in enumerate(self._categories)]
                for n, row in enumerate(words.tolist())
            ],
            dtype=np.int64,
        )

    def _word(self, word: str, number: int, position: int) -> int:
        if self._features[position].type == "boolean" and word in BOOLEANS:
            return self._category(word == "true", number, position)
        return self._category(word or None, number, position)

    def _rows(self, instances: object) -> list[Sequence[object]]:
        """Each instance as a list of values in feature order."""
        if not isinstance(instances, list):
            raise InputError(
                "WRONG_SHAPE", f"instances must be a list of rows, not {kind(instances)}.", field="instances"
            )
        if not instances:
            raise InputError("EMPTY_BATCH", "instances is empty; send at least one row.", field="instances")
        width = len(self._names)
        rows: list[Sequence[object]] = []
        for number, instance in enumerate(instances):
            if width == len(self._tensors) == 1 and not isinstance(instance, dict):
                rows.append([instance])
            elif isinstance(instance, list):
                if len(instance) != width:
                    raise self._wrong_width(number, instances)
                rows.append(instance)
            elif isinstance(instance, dict):
                rows.append(self._ordered(instance, number))
            elif isinstance(instance, str) and width == 1 and self._text is not None:
                rows.append([instance])
            else:
                raise InputError(
                    "WRONG_TYPE",
                    f"instances[{number}] must be a list of {width} values or an object with the features as keys,"
                    f" not {kind(instance)}.",
                    field=f"instances[{number}]",
                )
        return rows

    def _wrong_width(self, number: int, instances: list[Any]) -> InputError:
        width, got = len(self._names), len(instances[number])
        uniform = all(isinstance(row, list) and len(row) == got for row in instances)
        return InputError(
            "WRONG_SHAPE" if uniform else "RAGGED",
            f"instances[{number}] has {got} value{'' if got == 1 else 's'}; the model takes {width}"
            f" ({_listed(self._names)}).",
            field=f"instances[{number}]",
        )

    def _ordered(self, instance: dict[str, object], number: int) -> list[object]:
        if len(instance) == len(self._names):
            try:
                return [instance[name] for name in self._names]
            except KeyError:
                pass
        for name in instance:
            if name not in self._positions:
                near = difflib.get_close_matches(name, self._names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; it has {_listed(self._names)}."
                raise InputError(
                    "UNKNOWN_FIELD",
                    f"instances[{number}] has {shown(name)}, which is no feature of this model{hint}",
                    field=f"instances[{number}]",
                )
        absent = next(name for name in self._names if name not in instance)
        hint = " (null where the value is missing)" if self._features[self._positions[absent]].missing else ""
        raise InputError(
            "MISSING_FIELD",
            f"instances[{number}] lacks the feature {absent!r}; every feature must be there{hint}.",
            field=f"instances[{number}].{absent}",
        )

    def _plain_numbers(self, rows: list[Sequence[object]]) -> npt.NDArray[np.float32]:
        """The usual case, all features numbers: checked as a whole, searched only on a mistake."""
        types = {type(value) for row in rows for value in row}
        if types <= _NUMBERS and len(rows) == 1:
            row = cast(list[float], rows[0])
            # Three passes of C over one row cost less than one of numpy; NaN alone differs from itself.
            if min(row) >= -FLOAT32_MAX and max(row) <= FLOAT32_MAX and (total := sum(row)) == total:
                return np.array(rows, dtype=np.float32)
        elif types <= self._plain_types:
            with contextlib.suppress(OverflowError):
                wide = np.array(rows, dtype=np.float64)
                if self._fits(wide, rows):
                    return wide.astype(np.float32)
        return np.array(
            [[self._number(value, n, p) for p, value in enumerate(row)] for n, row in enumerate(rows)],
            dtype=np.float32,
        )

    def _fits(self, wide: npt.NDArray[np.float64], rows: list[Sequence[object]]) -> bool:
        """Whether float32 holds every value, and every NaN was made of a null."""
        largest = np.abs(wide).max()
        if largest <= FLOAT32_MAX:
            return True
        missing = np.count_nonzero(np.isnan(wide))
        nulls = sum(row.count(None) for row in rows)
        return bool(missing == nulls and np.nanmax(np.abs(wide), initial=0.0) <= FLOAT32_MAX)

    def _number(self, value: object, number: int, position: int) -> float:
        feature = self._features[position]
        where = f"instances[{number}].{feature.name}"
        if value is None and feature.missing:
            return float("nan")
        if isinstance(value, bool) or not isinstance(value, int | float):
            optional = " or null" if feature.missing else ""
            raise InputError("WRONG_TYPE", f"{where} must be a number{optional}, not {kind(value)}.", field=where)
        if value != value:
            raise InputError("NON_FINITE", f"{where} is NaN; send null for a missing value.", field=where)
        if not -FLOAT32_MAX <= value <= FLOAT32_MAX:
            raise InputError("OUT_OF_RANGE", f"{where} does not fit a 32-bit float (at most ±3.4e38).", field=where)
        return float(value)

    def _category(self, value: object, number: int, position: int) -> int:
        feature = self._features[position]
        where = f"instances[{number}].{feature.name}"
        if value is None and feature.missing:
            return MISSING
        if feature.type == "boolean":
            if not isinstance(value, bool):
                raise InputError("WRONG_TYPE", f"{where} must be true or false, not {kind(value)}.", field=where)
            return FIRST_KNOWN + value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InputError("WRONG_TYPE", f"{where} must be a string, not {kind(value)}.", field=where)
        return self._vocabularies[position].get(str(value), UNSEEN)

    def _points(self, value: object, number: int, position: int) -> npt.NDArray[np.int32]:
        feature = self._features[position]
        where = f"instances[{number}].{feature.name}"
        if value is None and feature.missing:
            value = ""
        if not isinstance(value, str):
            raise InputError("WRONG_TYPE", f"{where} must be a string, not {kind(value)}.", field=where)
        return code_points(value, feature.length or 0, where)

    def _tensor(self, value: object, number: int, position: int) -> npt.NDArray[Any]:
        feature = self._features[position]
        assert feature.datatype is not None  # a tensor has both
        assert feature.shape is not None
        where = f"instances[{number}].{feature.name}"
        flat = _flat(value, feature.shape, where)
        dtype = DTYPES[feature.datatype]
        known = {"f": _NUMBERS, "b": frozenset({bool})}.get(dtype.kind, frozenset({int}))
        for element in flat:
            if type(element) not in known:
                raise InputError("WRONG_TYPE", f"{where}: {kind(element)} is not {feature.datatype}.", field=where)
        try:
            array: npt.NDArray[Any] | None = np.array(flat, dtype=np.float64 if dtype.kind == "f" else dtype)
        except OverflowError:
            array = None
        if array is None or (dtype.kind == "f" and not (np.abs(array) <= np.finfo(dtype).max).all()):
            raise InputError("OUT_OF_RANGE", f"{where} holds a number that is no {feature.datatype}.", field=where)
        return array.astype(dtype).reshape(feature.shape)


def _flat(value: object, shape: tuple[int, ...], where: str) -> list[Any]:
    """The elements of a list nested as deeply as the shape, row-major; raises InputError WRONG_SHAPE."""
    level: list[Any] = [value]
    for size in shape:
        for part in level:
            if not isinstance(part, list) or len(part) != size:
                raise InputError("WRONG_SHAPE", f"{where} must be a list of the shape {list(shape)}.", field=where)
        level = [element for part in level for element in part]
    return level


def code_points(text: str, length: int, where: str = "text") -> npt.NDArray[np.int32]:
    """A text as NFC code points, int32 [length], cut or padded with 0.

    Raises:
        InputError: the text (called `where`) holds half of a surrogate pair, which no Unicode encoding can carry.
    """
    try:
        encoded = unicodedata.normalize("NFC", text).encode("utf-32-le")
    except UnicodeEncodeError as problem:
        message = f"{where} holds a lone surrogate, which is not a character."
        raise InputError("BAD_UTF8", message, field=where) from problem
    points = np.frombuffer(encoded, dtype="<i4")[:length]
    padded = np.zeros(length, dtype=np.int32)
    padded[: len(points)] = points
    return padded


def check_tensors(signature: Signature, tensors: Arrays) -> int:
    """Check encoded tensors against the signature: names, datatypes, shapes, finite numbers.

    Returns:
        The number of rows.

    Raises:
        InputError: with the code and the input it is about.
    """
    expected = {tensor.name: tensor for tensor in signature.inputs}
    for name in tensors:
        if name not in expected:
            raise InputError("UNKNOWN_FIELD", f"There is no input {shown(name)}; the model takes {_listed(expected)}.")
    rows: int | None = None
    for name, tensor in expected.items():
        if name not in tensors:
            raise InputError("MISSING_FIELD", f"The input {name!r} is missing.", field=name)
        array = tensors[name]
        if array.dtype != DTYPES[tensor.datatype]:
            raise InputError("WRONG_TYPE", f"The input {name!r} must be {tensor.datatype}.", field=name)
        if array.ndim == 0 or array.shape[1:] != tensor.shape[1:] or array.shape[0] == 0:
            expected_shape = ", ".join(["rows", *map(str, tensor.shape[1:])])
            raise InputError(
                "WRONG_SHAPE",
                f"The input {name!r} has the shape {list(array.shape)}; expected [{expected_shape}], at least one row.",
                field=name,
            )
        if rows not in (None, array.shape[0]):
            raise InputError("RAGGED", f"The input {name!r} has another number of rows than the others.", field=name)
        rows = array.shape[0]
    if signature.tensors:
        return rows or 0
    if NUMERIC in tensors:
        _check_numbers(signature, tensors[NUMERIC])
    if CATEGORIES in tensors:
        _check_ids(signature, tensors[CATEGORIES])
    if TEXT in tensors and ((tensors[TEXT] < 0) | (tensors[TEXT] > sys.maxunicode)).any():
        raise InputError("OUT_OF_RANGE", f"The input {TEXT!r} holds a number that is no code point.", field=TEXT)
    return rows or 0


def _check_numbers(signature: Signature, numeric: npt.NDArray[Any]) -> None:
    if np.isinf(numeric).any():
        raise InputError("NON_FINITE", f"The input {NUMERIC!r} holds an infinity.", field=NUMERIC)
    required = [column for column, feature in enumerate(signature.numbers) if not feature.missing]
    if required and np.isnan(numeric[:, required]).any():
        raise InputError("NON_FINITE", f"The input {NUMERIC!r} lacks a value that must be there.", field=NUMERIC)


def _check_ids(signature: Signature, ids: npt.NDArray[Any]) -> None:
    """An id past the vocabulary would look up a row that the graph's table does not have."""
    sizes = np.array([FIRST_KNOWN + len(_known(feature)) for feature in signature.categories])
    if ((ids < 0) | (ids >= sizes)).any():
        raise InputError("OUT_OF_RANGE", f"The input {CATEGORIES!r} holds an unknown id.", field=CATEGORIES)
    required = [column for column, feature in enumerate(signature.categories) if not feature.missing]
    if (ids[:, required] == MISSING).any():
        raise InputError(
            "OUT_OF_RANGE", f"The input {CATEGORIES!r} lacks a value that must be there.", field=CATEGORIES
        )


def kind(value: object) -> str:
    """What a parsed JSON value is, in JSON's words."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "another type")


def shown(name: str, most: int = 40) -> str:
    """A caller's word, quoted for an error: cut to a bounded length, control characters escaped."""
    cut = name if len(name) <= most else name[:most] + "..."
    return repr(cut) if cut.isprintable() else ascii(cut)


def tidy(value: float) -> str:
    """A number as a word, 1 and 1.0 being one: so a category of numbers is called in training and in serving."""
    return str(int(value)) if value.is_integer() else repr(value)


def _known(feature: Feature) -> tuple[str, ...]:
    return BOOLEANS if feature.type == "boolean" else feature.vocabulary


def _ids(feature: Feature) -> dict[str, int]:
    return {value: FIRST_KNOWN + position for position, value in enumerate(_known(feature))}


def _listed(names: Sequence[str] | dict[str, Any], most: int = 6) -> str:
    listed = list(names)
    rest = f", … ({len(listed)} in all)" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest
