"""Rows of numbers are read as the usual parser reads them, or not at all."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.errors import InputError
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from service.protocols import wire
from service.protocols.number_rows import LEAST_BYTES, number_rows

NAMES = ("instances", "inputs")
PADDING = " " * LEAST_BYTES
FEATURES = tuple(Feature(name, "number", missing=True) for name in "abc")
ENCODER = Encoder(
    Signature("m", "regression", FEATURES, Target("y"), graph_inputs(FEATURES), graph_outputs(Target("y")), {})
)

numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9))
odd = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=3))
nested = st.recursive(odd, lambda inner: st.lists(inner, max_size=4), max_leaves=24)
rectangles = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width)))


def usual(body: bytes) -> Any:
    """What the usual parser makes of it; None where it refuses."""
    try:
        return ENCODER.encode(wire.instances(body, NAMES))
    except InputError:
        return None


def agrees(body: bytes) -> bool:
    """Whether the body was read, as the usual parser reads it."""
    matrix = number_rows(body, NAMES)
    if matrix is None:
        return False
    encoded = ENCODER.encode_matrix(matrix)
    expected = usual(body)
    if encoded is None:
        assert expected is None
        return False
    np.testing.assert_array_equal(encoded["numeric"], expected["numeric"], strict=True)
    return True


@given(st.one_of(rectangles, st.lists(nested, max_size=5)), st.sampled_from(NAMES))
@settings(max_examples=400, deadline=None)
def test_whatever_is_read_is_what_the_usual_parser_reads(rows: list[Any], name: str) -> None:
    """Of regular rows and of any nesting; never rows that it would refuse."""
    agrees(json.dumps({name: rows}).encode() + PADDING.encode())


@given(st.lists(st.sampled_from([*"[]{},:", '"instances"', "1", "-2.5e3", "null", " ", "0"]), max_size=30))
@settings(max_examples=400, deadline=None)
def test_what_is_no_json_is_never_read(tokens: list[str]) -> None:
    """Any order of JSON's own signs."""
    agrees(('{"instances":[[1,2,3],' + "".join(tokens) + PADDING).encode())


def test_many_rows_are_read() -> None:
    """The case that it is there for, with whitespace wherever JSON lets it stand."""
    rows = np.random.default_rng(0).normal(size=(256, 3)).tolist()
    for indent in (None, 2):
        assert agrees(json.dumps({"instances": rows}, indent=indent).encode())


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [[1, 2, 3], [4, 5]]}',
        '{"instances": [[1, 2, 3], [4, 5, 6, 7], [8, 9]]}',
        '{"instances": [5, [[1], 2, 3]]}',
        '{"instances": [[[1, 2], 3, 4], 5, 6]}',
        '{"instances": [[1, 2, 3], []]}',
        '{"instances": [[1, 2, null]]}',
        '{"instances": [[1, 2, true]]}',
        '{"instances": [{"a": 1}]}',
        '{"instances": [[1, 2, 1e400]]}',
        '{"instances": [[1, 2, 3]], "instances": [[1, 2, 3]]}',
        '{"rows": [[1, 2, 3]]}',
        "[[1, 2, 3]]",
        "\ufeff" + '{"instances": [[1, 2, 3]]}',
    ],
)
def test_the_unusual_is_left_to_the_usual_parser(body: str) -> None:
    """It knows what to say of it."""
    assert number_rows((body + PADDING).encode(), NAMES) is None


def test_a_number_that_fits_no_float32_is_left_to_it_as_well() -> None:
    """As are rows of another width."""
    for row in ([1, 2, 1e39], [1, 2]):
        body = json.dumps({"instances": [row]}).encode() + PADDING.encode()
        matrix = number_rows(body, NAMES)
        assert matrix is not None
        assert ENCODER.encode_matrix(matrix) is None
