"""Instances to graph inputs: what each value becomes, and what is refused with which code."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam.encoding import FLOAT32_MAX, Arrays, Encoder, check_tensors, code_points, shown
from mulgam.errors import InputError
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from tests.mulgam.strategies import characters, signatures

TARGET = Target("price")


def describe(*features: Feature) -> Signature:
    """A regression on these features."""
    return Signature("test", "regression", features, TARGET, graph_inputs(features), graph_outputs(TARGET), {})


AREA, ROOMS = Feature("area", "number"), Feature("rooms", "number", missing=False)
DISTRICT = Feature("district", "category", vocabulary=("마포구", "강남구", "7"))
LIFT, NOTE = Feature("lift", "boolean"), Feature("note", "text", length=4)
PLAIN = describe(AREA, ROOMS)
MIXED = describe(AREA, DISTRICT, LIFT, NOTE, ROOMS)
TEXT = describe(NOTE)


def encode(described: Signature, *instances: Any) -> Arrays:
    """The encoded rows."""
    return Encoder(described).encode(list(instances))


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


def test_a_category_may_be_sent_as_a_whole_number() -> None:
    """A column of codes is a category too: 7 is the word "7"."""
    assert encode(describe(DISTRICT), [7], ["7"], [8])["categories"].tolist() == [[4], [4], [0]]


def test_a_text_model_takes_bare_texts() -> None:
    """With one text as the only feature, an instance may be the text itself, a list or an object."""
    expected = [[104, 105, 0, 0]]
    for instance in ("hi", ["hi"], {"note": "hi"}):
        assert encode(TEXT, instance)["text"].tolist() == expected


def test_a_text_is_normalised_and_cut() -> None:
    """Composed and decomposed Hangul are the same text; only so many code points are kept."""
    decomposed = unicodedata.normalize("NFD", "가나")
    assert len(decomposed) == 4
    assert code_points(decomposed, 3).tolist() == [ord("가"), ord("나"), 0]
    assert code_points("가나다라마", 3).tolist() == [ord("가"), ord("나"), ord("다")]
    assert code_points("😀", 2).tolist() == [0x1F600, 0]


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
    "instances null": (PLAIN, None, "WRONG_SHAPE", "instances"),
    "instances a number": (PLAIN, 5, "WRONG_SHAPE", "instances"),
    "instances an object": (PLAIN, {"area": 1}, "WRONG_SHAPE", "instances"),
    "empty": (PLAIN, [], "EMPTY_BATCH", "instances"),
    "a row that is a number": (PLAIN, [[1, 2], 3], "WRONG_TYPE", "instances[1]"),
    "a row that is null": (PLAIN, [None], "WRONG_TYPE", "instances[0]"),
    "a bare text for numbers": (PLAIN, ["1,2"], "WRONG_TYPE", "instances[0]"),
    "too few values": (PLAIN, [[1]], "WRONG_SHAPE", "instances[0]"),
    "too many values": (PLAIN, [[1, 2, 3], [1, 2, 3]], "WRONG_SHAPE", "instances[0]"),
    "no values": (PLAIN, [[]], "WRONG_SHAPE", "instances[0]"),
    "ragged": (PLAIN, [[1, 2], [1]], "RAGGED", "instances[1]"),
    "unknown feature": (PLAIN, [{"area": 1, "room": 2}], "UNKNOWN_FIELD", "instances[0]"),
    "one feature more": (PLAIN, [{"area": 1, "rooms": 2, "x\n" * 999: 3}], "UNKNOWN_FIELD", "instances[0]"),
    "missing feature": (PLAIN, [[1, 2], {"area": 1}], "MISSING_FIELD", "instances[1].rooms"),
    "no feature": (PLAIN, [{}], "MISSING_FIELD", "instances[0].area"),
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
def test_a_mistake_is_refused_with_code_and_place(case: str) -> None:
    """The first mistake's code, where it is, and one bounded line about it."""
    described, instances, code, field = REFUSED[case]
    with pytest.raises(InputError) as raised:
        Encoder(described).encode(instances)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_misspelt_feature_is_answered_with_the_nearest_name() -> None:
    """So that the caller need not look it up."""
    with pytest.raises(InputError, match="did you mean 'rooms'"):
        encode(PLAIN, {"area": 1, "romms": 2})


def test_the_largest_float32_passes_and_2_to_the_70_too() -> None:
    """What float32 holds is a number."""
    arrays = encode(PLAIN, [FLOAT32_MAX, 2**70], [-FLOAT32_MAX, 5e-324])
    assert arrays["numeric"].tolist() == [[FLOAT32_MAX, float(2**70)], [-FLOAT32_MAX, 0.0]]


numbers = st.integers(-(10**50), 10**50) | st.floats(allow_nan=True) | st.sampled_from([FLOAT32_MAX, 1e39, 10**400])
values = st.none() | st.booleans() | numbers | st.text(max_size=6) | st.lists(st.integers(), max_size=2)


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


def outcome(encoder: Encoder, instances: Any) -> Arrays | tuple[str, str | None]:
    """The tensors, or code and field of the refusal."""
    try:
        return encoder.encode(instances)
    except InputError as problem:
        return problem.code, problem.field


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


@given(st.lists(st.lists(numbers | st.none() | st.booleans(), min_size=2, max_size=2), min_size=1, max_size=3))
def test_the_fast_way_for_numbers_agrees_with_the_careful_one(rows: list[list[Any]]) -> None:
    """A model of numbers alone takes a short cut: with a text beside them the same numbers encode alike."""
    beside = describe(AREA, ROOMS, NOTE)
    careful = outcome(Encoder(beside), [[*row, ""] for row in rows])
    fast = outcome(Encoder(PLAIN), rows)
    if isinstance(careful, tuple) or isinstance(fast, tuple):
        assert careful == fast
    else:
        np.testing.assert_array_equal(fast["numeric"], careful["numeric"])


def tensors(**changed: Any) -> Arrays:
    """Good tensors for MIXED, some of them changed; None leaves one out."""
    good = {
        "numeric": np.array([[1, 2], [3, 4]], np.float32),
        "categories": np.array([[0, 1], [4, 3]], np.int64),
        "text": np.array([[0, 0, 0, 0], [0x10FFFF, 65, 0, 0]], np.int32),
        **changed,
    }
    return {name: array for name, array in good.items() if array is not None}


TENSORS_REFUSED: dict[str, tuple[Arrays, str, str | None]] = {
    "one more": (tensors(extra=np.zeros((2, 1), np.float32)), "UNKNOWN_FIELD", None),
    "one less": (tensors(text=None), "MISSING_FIELD", "text"),
    "float64": (tensors(numeric=np.zeros((2, 2))), "WRONG_TYPE", "numeric"),
    "one dimension": (tensors(numeric=np.zeros(2, np.float32)), "WRONG_SHAPE", "numeric"),
    "three dimensions": (tensors(numeric=np.zeros((2, 2, 1), np.float32)), "WRONG_SHAPE", "numeric"),
    "another width": (tensors(categories=np.zeros((2, 3), np.int64)), "WRONG_SHAPE", "categories"),
    "no rows": (tensors(numeric=np.zeros((0, 2), np.float32)), "WRONG_SHAPE", "numeric"),
    "another number of rows": (tensors(text=np.zeros((3, 4), np.int32)), "RAGGED", "text"),
    "infinity": (tensors(numeric=np.array([[1, 2], [3, np.inf]], np.float32)), "NON_FINITE", "numeric"),
    "a value that may not be missing": (tensors(numeric=np.array([[1, 2], [3, np.nan]], np.float32)), "NON_FINITE",
                                        "numeric"),
    "an id below 0": (tensors(categories=np.array([[0, 0], [-1, 0]])), "OUT_OF_RANGE", "categories"),
    "an id past the vocabulary": (tensors(categories=np.array([[5, 0], [0, 0]])), "OUT_OF_RANGE", "categories"),
    "an id past true": (tensors(categories=np.array([[0, 4], [0, 0]])), "OUT_OF_RANGE", "categories"),
    "a code point below 0": (tensors(text=np.full((2, 4), -1, np.int32)), "OUT_OF_RANGE", "text"),
    "a code point past Unicode": (tensors(text=np.full((2, 4), 0x110000, np.int32)), "OUT_OF_RANGE", "text"),
}  # fmt: skip


@pytest.mark.parametrize("case", TENSORS_REFUSED)
def test_tensors_that_do_not_fit_are_refused(case: str) -> None:
    """Encoded by a client, tensors still may not name rows of an embedding that are not there."""
    sent, code, field = TENSORS_REFUSED[case]
    with pytest.raises(InputError) as raised:
        check_tensors(MIXED, sent)
    assert (raised.value.code, raised.value.field) == (code, field)


def test_good_tensors_are_counted() -> None:
    """NaN is a missing value where one may be missing."""
    assert check_tensors(MIXED, tensors()) == 2
    assert check_tensors(MIXED, tensors(numeric=np.array([[np.nan, 2], [3, 4]], np.float32))) == 2


def test_an_id_for_missing_is_refused_where_nothing_may_be_missing() -> None:
    """The same rule as for NaN and null."""
    described = describe(Feature("lift", "boolean", missing=False))
    assert check_tensors(described, {"categories": np.array([[0]])}) == 1
    with pytest.raises(InputError, match="lacks a value that must be there"):
        check_tensors(described, {"categories": np.array([[1]])})


@given(st.text())
def test_a_callers_word_is_shown_bounded_and_printable(word: str) -> None:
    """No control character, line break or half surrogate of a caller reaches an error."""
    quoted = shown(word)
    assert quoted.isprintable()
    assert len(quoted) <= 450
    quoted.encode()


IMAGES = describe(
    Feature("image", "tensor", missing=False, datatype="FP32", shape=(2, 2)),
    Feature("mask", "tensor", missing=False, datatype="BOOL", shape=()),
)


def test_a_row_of_tensors_is_a_list_as_deep_as_each_shape() -> None:
    """By name or in order; one tensor alone may be sent bare."""
    arrays = encode(IMAGES, {"mask": True, "image": [[1, 2], [3, 4.5]]}, [[[0, 0], [0, 1]], False])
    assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
        "image": (np.float32, (2, 2, 2)), "mask": (np.bool_, (2,)),
    }  # fmt: skip
    assert arrays["image"][0].tolist() == [[1, 2], [3, 4.5]]
    assert check_tensors(IMAGES, arrays) == 2
    tokens = describe(Feature("tokens", "tensor", missing=False, datatype="INT64", shape=(3,)))
    assert encode(tokens, [1, 2, 3], {"tokens": [4, 5, 6]})["tokens"].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ([[1, 2], [3]], "WRONG_SHAPE"), ([1, 2, 3, 4], "WRONG_SHAPE"), ([[1, 2], [3, [4]]], "WRONG_TYPE"),
        (None, "WRONG_SHAPE"), ([[1, 2], [3, True]], "WRONG_TYPE"), ([[1, 2], [3, None]], "WRONG_TYPE"),
        ([[1, 2], [3, 1e39]], "OUT_OF_RANGE"), ([[1, 2], [3, 10**400]], "OUT_OF_RANGE"),
        ([[1, 2], [3, float("nan")]], "OUT_OF_RANGE"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_tensor_is_refused(image: Any, code: str) -> None:
    """Another shape, another type, a number that the datatype does not hold."""
    with pytest.raises(InputError) as raised:
        encode(IMAGES, [image, True])
    assert (raised.value.code, raised.value.field) == (code, "instances[0].image")


def test_a_tensor_of_another_shape_is_refused() -> None:
    """Sent as tensors, too; only the number of rows is free."""
    with pytest.raises(InputError, match=r"has the shape \[1, 4\]; expected \[rows, 2, 2\]"):
        check_tensors(IMAGES, {"image": np.zeros((1, 4), np.float32), "mask": np.zeros(1, np.bool_)})
