"""The V2 binary encoding: nothing is lost on the way, and no body gets anything but an InputError out of it."""

from __future__ import annotations

import json
import struct
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mulgam import tensors as v2
from mulgam.errors import InputError
from tests.mulgam.strategies import characters

Array = npt.NDArray[Any]


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """An array of any datatype but BYTES, of any allowed rank, rows of zero included."""
    dtype = draw(st.sampled_from(list(v2.DTYPES.values())))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3))
    array: Array = draw(hnp.arrays(dtype, shape))
    return array


@given(
    st.dictionaries(st.text(characters, min_size=1, max_size=8), arrays(), min_size=1, max_size=4),
    st.sampled_from(("inputs", "outputs")),
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(characters, max_size=4), max_size=2),
)
def test_what_is_encoded_is_what_is_decoded(
    sent: dict[str, Array], section: v2.Section, parameters: dict[str, Any]
) -> None:
    """Every datatype and shape, bit for bit: NaN, infinities and all."""
    length, body = v2.encode(section, sent, parameters)
    message = v2.decode(section, body, length)
    assert message.parameters == parameters
    assert list(message.tensors) == list(sent)
    for name, array in sent.items():
        got = message.tensors[name]
        assert (got.dtype, got.shape, got.tobytes()) == (array.dtype, array.shape, array.tobytes())


@given(st.lists(st.binary(max_size=6) | st.text(characters, max_size=4), max_size=5))
def test_bytes_elements_come_back_as_bytes(elements: list[bytes | str]) -> None:
    """BYTES holds anything, empty elements included; a string arrives as its UTF-8."""
    sent = np.empty(len(elements), dtype=object)
    sent[:] = elements
    length, body = v2.encode("outputs", {"label": sent})
    got = v2.decode("outputs", body, str(length)).tensors["label"]
    assert got.tolist() == [one.encode() if isinstance(one, str) else one for one in elements]


@pytest.mark.parametrize("layout", ["big-endian", "strided", "Fortran order"])
def test_an_array_of_any_memory_layout_is_sent_little_endian_in_c_order(layout: str) -> None:
    """The bytes on the wire follow from the values alone."""
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    odd = {
        "big-endian": plain.astype(">f4"),
        "strided": np.repeat(plain, 2, axis=1)[:, ::2],
        "Fortran order": np.asfortranarray(plain),
    }[layout]
    assert v2.encode("inputs", {"x": odd}) == v2.encode("inputs", {"x": plain})


@pytest.mark.parametrize("element", [5, True, 1.5, None])
def test_elements_that_are_neither_text_nor_bytes_are_a_callers_mistake(element: Any) -> None:
    """bytes(5) would be five zeros."""
    with pytest.raises(TypeError):
        v2.encode("outputs", {"label": np.array([element], dtype=object)})


def body_of(*tensors: Any, raw: bytes = b"", **more: Any) -> tuple[int, bytes]:
    """A hand-made request."""
    header = json.dumps({"inputs": list(tensors), **more}).encode()
    return len(header), header + raw


def tensor(**changed: Any) -> dict[str, Any]:
    """A description of two float32 numbers, some of it changed."""
    size = changed.pop("size", 8)
    return {"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": size}, **changed}


ONES = struct.pack("<2f", 1, 1)
GOOD = body_of(tensor(), raw=ONES)

# Rows B01 to B14 of the table of bad inputs, as far as they concern the codec, and what lies beside them.
REFUSED: dict[str, tuple[tuple[int | str | None, bytes], str]] = {
    "B01 header length out of range": (("99999999999", GOOD[1]), "BAD_HEADER_LENGTH"),
    "B02 header length negative": (("-1", GOOD[1]), "BAD_HEADER_LENGTH"),
    "B03 header length not digits": (("0x10", GOOD[1]), "BAD_HEADER_LENGTH"),
    "header length of other digits": (("١٢", GOOD[1]), "BAD_HEADER_LENGTH"),
    "header length with a space": ((" 12", GOOD[1]), "BAD_HEADER_LENGTH"),
    "header length of 5000 digits": (("9" * 5000, GOOD[1]), "BAD_HEADER_LENGTH"),
    "header length zero": ((0, GOOD[1]), "BAD_HEADER_LENGTH"),
    "empty": ((0, b""), "BAD_HEADER_LENGTH"),
    "B04 header length above the body": ((len(GOOD[1]) + 1, GOOD[1]), "BAD_HEADER_LENGTH"),
    "no header length": ((None, GOOD[1]), "BAD_JSON"),
    "header cut off": ((GOOD[0] - 1, GOOD[1]), "BAD_JSON"),
    "header too long by one": ((GOOD[0] + 1, GOOD[1]), "BAD_JSON"),
    "not UTF-8": ((4, b'"\xff"x'), "BAD_JSON"),
    "UTF-16": ((len("{}".encode("utf-16")), "{}".encode("utf-16")), "BAD_JSON"),
    "nested": ((100_000, b"[" * 100_000), "BAD_JSON"),
    "a number of 5000 digits": ((5000, b"9" * 5000), "BAD_JSON"),
    "NaN": (body_of(tensor(), raw=ONES, parameters={"a": float("nan")}), "BAD_JSON"),
    "array": ((2, b"[]"), "NOT_AN_OBJECT"),
    "no inputs": ((2, b"{}"), "MISSING_FIELD"),
    "inputs null": ((15, b'{"inputs":null}'), "MISSING_FIELD"),
    "B05 size too small": (body_of(tensor(size=4), raw=ONES), "WRONG_SIZE"),
    "size too large": (body_of(tensor(size=12), raw=ONES), "WRONG_SIZE"),
    "size negative": (body_of(tensor(size=-8), raw=ONES), "WRONG_SIZE"),
    "size true": (body_of(tensor(shape=[1], datatype="INT8", size=True), raw=b"1"), "WRONG_SIZE"),
    "size a string": (body_of(tensor(size="8"), raw=ONES), "WRONG_SIZE"),
    "size missing": (body_of(tensor(parameters={}), raw=ONES), "WRONG_SIZE"),
    "parameters a list": (body_of(tensor(parameters=[8]), raw=ONES), "BAD_PARAMETER"),
    "raw bytes missing": (body_of(tensor(), raw=ONES[:-1]), "WRONG_SIZE"),
    "raw bytes left over": (body_of(tensor(), raw=ONES + b"\0"), "WRONG_SIZE"),
    "B06 shape overflows": (body_of(tensor(shape=[2**4, 2**60 + 2]), raw=ONES), "WRONG_SHAPE"),
    "B07 shape overflows to the size": (body_of(tensor(shape=[2**2, 2**60 + 2]), raw=ONES), "WRONG_SHAPE"),
    "shape overflows in three steps": (body_of(tensor(shape=[2**32, 2**32, 2]), raw=ONES), "WRONG_SHAPE"),
    "shape beyond the body": (body_of(tensor(shape=[2**20, 2**20]), raw=ONES), "WRONG_SIZE"),
    "shape overflows beside a zero": (body_of(tensor(shape=[0, 2**39, 2**39], size=0)), "WRONG_SHAPE"),
    "B08 negative dimension": (body_of(tensor(shape=[-1, -2]), raw=ONES), "WRONG_SHAPE"),
    "dimension true": (body_of(tensor(shape=[True, 2]), raw=ONES), "WRONG_SHAPE"),
    "dimension a fraction": (body_of(tensor(shape=[2.0]), raw=ONES), "WRONG_SHAPE"),
    "no dimension": (body_of(tensor(shape=[]), raw=ONES), "WRONG_SHAPE"),
    "nine dimensions": (body_of(tensor(shape=[1] * 8 + [2]), raw=ONES), "WRONG_SHAPE"),
    "shape null": (body_of(tensor(shape=None), raw=ONES), "WRONG_SHAPE"),
    "B13 datatype": (body_of(tensor(datatype="FLOAT"), raw=ONES), "WRONG_DATATYPE"),
    "datatype null": (body_of(tensor(datatype=None), raw=ONES), "WRONG_DATATYPE"),
    "datatype a list": (body_of(tensor(datatype=["FP32"]), raw=ONES), "WRONG_DATATYPE"),
    "no name": (body_of({"shape": [2]}, raw=ONES), "MISSING_FIELD"),
    "name a number": (body_of(tensor(name=1), raw=ONES), "MISSING_FIELD"),
    "tensor null": (body_of(None, raw=ONES), "MISSING_FIELD"),
    "a name twice": (body_of(tensor(), tensor(), raw=ONES + ONES), "DUPLICATE_KEY"),
    "B10 element longer than the tensor": (
        body_of(tensor(datatype="BYTES", shape=[1]), raw=struct.pack("<I", 5) + b"abcd"), "BAD_BYTES"),
    "B10 element of 4 GiB": (body_of(tensor(datatype="BYTES", shape=[1]), raw=b"\xff" * 8), "BAD_BYTES"),
    "element's length cut off": (body_of(tensor(datatype="BYTES", shape=[1], size=3), raw=b"\0\0\0"), "BAD_BYTES"),
    "fewer elements than the shape": (
        body_of(tensor(datatype="BYTES", shape=[2**39]), raw=struct.pack("<I", 4) + b"abcd"), "WRONG_SIZE"),
    "more elements than the shape": (body_of(tensor(datatype="BYTES", shape=[1]), raw=bytes(8)), "WRONG_SIZE"),
    "B14 a million inputs": (
        body_of(*({"name": str(n), "datatype": "FP32", "shape": [0], "parameters": {"binary_data_size": 0}}
                  for n in range(1000))), "TOO_MANY_TENSORS"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_body_is_refused_with_its_code(case: str) -> None:
    """Each with one bounded sentence, and without allocating what it speaks of."""
    (length, body), code = REFUSED[case]
    tracemalloc.start()
    with pytest.raises(InputError) as raised:
        v2.decode("inputs", body, length)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised.value.code == code
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300
    assert peak < 4 * 2**20


def test_the_good_body_is_good() -> None:
    """What the hostile ones were made from; its raw bytes are not copied."""
    message = v2.decode("inputs", GOOD[1], GOOD[0])
    assert message.tensors["x"].tolist() == [1, 1]
    assert not message.tensors["x"].flags.owndata


def test_b09_a_dimension_of_zero_is_an_empty_tensor() -> None:
    """Whether a batch may be empty is for the signature to say."""
    length, body = body_of(tensor(shape=[0, 2], size=0))
    assert v2.decode("inputs", body, length).tensors["x"].shape == (0, 2)


def test_any_byte_but_zero_is_true() -> None:
    """numpy would carry a 2 along as a boolean that equals neither."""
    length, body = body_of(tensor(datatype="BOOL", shape=[3], size=3), raw=b"\0\1\2")
    assert v2.decode("inputs", body, length).tensors["x"].tobytes() == b"\0\1\1"


def test_id_and_parameters_are_read_where_they_are_what_they_should_be() -> None:
    """Of another type, they are as good as absent."""
    length, body = body_of(tensor(), raw=ONES, id="a", parameters={"b": 1})
    message = v2.decode("inputs", body, length)
    assert (message.id, message.parameters) == ("a", {"b": 1})
    length, body = body_of(tensor(), raw=ONES, id=7, parameters=[1])
    message = v2.decode("inputs", body, length)
    assert (message.id, message.parameters) == (None, {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
odd_tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y"]) | json_values,
        "datatype": st.sampled_from([*v2.DTYPES, "BYTES"]) | json_values,
        "shape": st.lists(st.integers(-1, 2**41) | st.integers(0, 3), max_size=9) | json_values,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 20) | json_values}) | json_values,
    },
)


@given(st.lists(odd_tensors | json_values, max_size=3) | json_values, st.binary(max_size=24), st.integers(-3, 3))
def test_odd_descriptions_get_nothing_but_input_errors(described: Any, raw: bytes, shift: int) -> None:
    """Every field of any type, sizes and shapes that lie, a header length that is off."""
    header = json.dumps({"inputs": described}).encode()
    _decode_or_refuse(header + raw, str(len(header) + shift))


@given(st.binary(max_size=64), st.none() | st.integers(-1, 70) | st.text(max_size=4))
def test_random_bytes_get_nothing_but_input_errors(body: bytes, length: Any) -> None:
    """Any body with any header length."""
    _decode_or_refuse(body, length)


@given(st.integers(0, len(GOOD[1]) - 1), st.integers(0, 255))
def test_a_good_body_with_one_byte_changed_gets_nothing_but_input_errors(position: int, value: int) -> None:
    """Close to good is where parsers stumble."""
    changed = bytearray(GOOD[1])
    changed[position] = value
    _decode_or_refuse(bytes(changed), GOOD[0])


def _decode_or_refuse(body: bytes, length: int | str | None) -> None:
    try:
        message = v2.decode("inputs", body, length)
    except InputError:
        return
    assert sum(array.nbytes for array in message.tensors.values() if array.dtype != object) <= len(body)
