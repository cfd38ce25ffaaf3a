"""Instances to graph inputs: each value in its tensor, nothing but refusals beside them, words as instances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam.encoding.checking import check_tensors
from mulgam.encoding.encoder import Encoder
from mulgam.errors import InputError
from mulgam.signature import Feature, Signature
from tests.mulgam.encoding.models import (
    AREA,
    MIXED,
    PLAIN,
    TEXT,
    assert_refused,
    describe,
    encode,
    numbers,
    outcome,
)
from tests.mulgam.strategies import characters, signatures

values = st.none() | st.booleans() | numbers | st.text(max_size=6) | st.lists(st.integers(), max_size=2)


def test_every_type_of_feature_lands_in_its_tensor() -> None:
    """Numbers, ids and code points, in the features' order, whatever the order of the columns."""
    arrays = encode(MIXED, [32, "강남구", True, "역 앞", 3], [None, None, None, None, 4.5], [0, "제주도", False, "", 1])
    nan = float("nan")
    np.testing.assert_array_equal(arrays["numeric"], np.array([[32, 3], [nan, 4.5], [0, 1]], np.float32))
    # 0 unseen, 1 missing, the known values from 2 on.
    np.testing.assert_array_equal(arrays["categories"], [[3, 3], [1, 1], [0, 2]])
    np.testing.assert_array_equal(arrays["text"], [[ord("역"), 32, ord("앞"), 0], [0] * 4, [0] * 4])
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        "numeric": "float32", "categories": "int64", "text": "int32",
    }  # fmt: skip
    assert check_tensors(MIXED, arrays) == 3


def objects(*rows: Any) -> npt.NDArray[Any]:
    """Words as V2 clients send them, of any shape."""
    return np.array(rows, dtype=object)


def test_words_encode_as_instances_do() -> None:
    """V2 clients may leave the encoding of categories and text to us; an empty word is a missing value."""
    encoder = Encoder(MIXED)
    arrays = encode(MIXED, [1, "강남구", True, "역 앞", 3], [1, None, None, None, 3], [1, "제주도", False, "", 1])
    words = objects(["강남구", "true"], ["", ""], ["제주도", "false"])
    np.testing.assert_array_equal(encoder.encode_words("categories", words), arrays["categories"])
    for texts in (objects("역 앞", "", ""), objects(["역 앞"], [""], [""])):
        np.testing.assert_array_equal(encoder.encode_words("text", texts), arrays["text"])


WORDS_REFUSED: dict[str, tuple[Signature, str, npt.NDArray[Any], str, str]] = {
    "numbers": (MIXED, "numeric", objects(["1", "2"]), "WRONG_SHAPE", "numeric"),
    "no text in the model": (PLAIN, "text", objects("a"), "WRONG_SHAPE", "text"),
    "an unknown input": (MIXED, "x\n", objects("a"), "WRONG_SHAPE", "x\n"),
    "too few categories": (MIXED, "categories", objects(["a"]), "WRONG_SHAPE", "categories"),
    "categories in one dimension": (MIXED, "categories", objects("a", "b"), "WRONG_SHAPE", "categories"),
    "two texts in a row": (MIXED, "text", objects(["a", "b"]), "WRONG_SHAPE", "text"),
    "no texts": (MIXED, "text", objects(), "WRONG_SHAPE", "text"),
    "no boolean": (MIXED, "categories", objects(["a", "yes"]), "WRONG_TYPE", "instances[0].lift"),
    "a value that may not be missing": (describe(Feature("lift", "boolean", missing=False)), "categories",
                                        objects([""]), "WRONG_TYPE", "instances[0].lift"),
    "half of a surrogate pair": (MIXED, "text", objects("a", "\ud800"), "BAD_UTF8", "instances[1].note"),
}  # fmt: skip


@pytest.mark.parametrize("case", WORDS_REFUSED)
def test_words_that_do_not_fit_are_refused(case: str) -> None:
    """By the rules of instances, and with the place in the caller's rows."""
    described, name, words, code, field = WORDS_REFUSED[case]
    with pytest.raises(InputError) as raised:
        Encoder(described).encode_words(name, words)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert "\n" not in str(raised.value)


REFUSED: dict[str, tuple[Signature, Any, str, str | None]] = {
    "a word for a number": (PLAIN, [["1", 2]], "WRONG_TYPE", "instances[0].area"),
    "a boolean for a number": (PLAIN, [[1, True]], "WRONG_TYPE", "instances[0].rooms"),
    "a list for a number": (PLAIN, [[[1], 2]], "WRONG_TYPE", "instances[0].area"),
    "an object for a number": (PLAIN, [[1, {}]], "WRONG_TYPE", "instances[0].rooms"),
    "null where none may be missing": (PLAIN, [[1, 2], [1, None]], "WRONG_TYPE", "instances[1].rooms"),
    "NaN": (PLAIN, [[math.nan, 2]], "NON_FINITE", "instances[0].area"),
    "NaN where null is allowed": (describe(AREA), [[None], [math.nan]], "NON_FINITE", "instances[1].area"),
    "infinity": (PLAIN, [[math.inf, 2]], "OUT_OF_RANGE", "instances[0].area"),
    "above float32": (PLAIN, [[1, -1e39]], "OUT_OF_RANGE", "instances[0].rooms"),
    "an integer above float64": (PLAIN, [[10**400, 2]], "OUT_OF_RANGE", "instances[0].area"),
    "a number in a mixed row": (MIXED, [[math.nan, None, None, None, 3]], "NON_FINITE", "instances[0].area"),
    "a boolean for a category": (MIXED, [[1, True, None, None, 3]], "WRONG_TYPE", "instances[0].district"),
    "a fraction for a category": (MIXED, [[1, 7.0, None, None, 3]], "WRONG_TYPE", "instances[0].district"),
    "a list for a category": (MIXED, [[1, [], None, None, 3]], "WRONG_TYPE", "instances[0].district"),
    "a number for a boolean": (MIXED, [[1, "7", 1, None, 3]], "WRONG_TYPE", "instances[0].lift"),
    "a word for a boolean": (MIXED, [[1, "7", "true", None, 3]], "WRONG_TYPE", "instances[0].lift"),
    "a number for a text": (MIXED, [[1, "7", True, 5, 3]], "WRONG_TYPE", "instances[0].note"),
    "null for a text": (describe(Feature("note", "text", missing=False, length=4)), [[None]], "WRONG_TYPE",
                        "instances[0].note"),
    "half of a surrogate pair": (TEXT, ["ok", "\ud800"], "BAD_UTF8", "instances[1].note"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_with_code_and_place(case: str) -> None:
    """The first mistake's code, where it is, and one bounded line about it."""
    assert_refused(*REFUSED[case])


@given(signatures(), st.data())
def test_lists_and_objects_give_the_same(described: Signature, data: st.DataObject) -> None:
    """Rows in feature order and rows by name encode alike, or fail alike; the result fits the signature."""
    width = len(described.features)
    rows = data.draw(st.lists(st.lists(good_value(), min_size=width, max_size=width), min_size=1, max_size=4))
    objects = [dict(zip((feature.name for feature in described.features), row, strict=True)) for row in rows]
    encoder = Encoder(described)
    arrays, by_name = outcome(encoder, rows), outcome(encoder, objects)
    if isinstance(arrays, tuple) or isinstance(by_name, tuple):
        assert arrays == by_name
        return
    assert arrays.keys() == by_name.keys() == {tensor.name for tensor in described.inputs}
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, by_name[name])
    assert check_tensors(described, arrays) == len(rows)


def good_value() -> st.SearchStrategy[Any]:
    """Values of which many suit some feature."""
    return st.none() | st.booleans() | numbers | st.text(characters, max_size=6)


def rows_of_integers() -> st.SearchStrategy[Any]:
    """Things in a row's place."""
    return st.lists(st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=3), values, max_size=3) | values)


@given(st.sampled_from([PLAIN, MIXED, TEXT]), rows_of_integers())
def test_nothing_but_input_errors_comes_out(described: Signature, instances: Any) -> None:
    """Whatever JSON can express: tensors that fit the signature, or an InputError."""
    result = outcome(Encoder(described), instances)
    if isinstance(result, tuple):
        assert result[0] in {
            "WRONG_SHAPE", "EMPTY_BATCH", "WRONG_TYPE", "RAGGED", "UNKNOWN_FIELD", "MISSING_FIELD", "NON_FINITE",
            "OUT_OF_RANGE", "BAD_UTF8",
        }  # fmt: skip
    else:
        assert check_tensors(described, result) == len(instances)
