"""The gateway's JSON: every malformed body has its code, whatever bytes come nothing but an InputError comes out."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam.errors import InputError
from mulgam.registry import Registry
from service.protocols import wire


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "EMPTY_BODY"),
        (b" \n", "EMPTY_BODY"),
        (b"null", "NOT_AN_OBJECT"),
        (b"[1,2]", "NOT_AN_OBJECT"),
        (b'{"instances":[[1,2', "BAD_JSON"),
        (b"{}", "MISSING_FIELD"),
        (b'{"instances":[[NaN,1,2,3]]}', "NON_FINITE"),
        (b'{"instances":[[-Infinity,1,2,3]]}', "NON_FINITE"),
        (b'{"instances":[[1e400,1,2,3]]}', "OUT_OF_RANGE"),
        (b'{"instances":[[' + b"9" * 5000 + b"]]}", "OUT_OF_RANGE"),
        (b'{"instances":[[1]],"instances":[[5]]}', "DUPLICATE_KEY"),
        (b'{"instances":[{"a":1,"a":2}]}', "DUPLICATE_KEY"),
        (b'{"instances":5}', "WRONG_SHAPE"),
        (b'{"instances":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "TOO_DEEP"),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "TOO_DEEP"),
        (b'{"instances":[[1]],"x":"\xff\xfe"}', "BAD_UTF8"),
        (b'{"instances":[[1]],"x":"\\ud800"}', "BAD_UTF8"),
        (b'\xef\xbb\xbf{"instances":[[1]]}', "BAD_JSON"),
        ('{"instances":[[1]]}'.encode("utf-16"), "BAD_UTF8"),
        (b'{"instances":[[1]]}xx', "BAD_JSON"),
        (b'{"instances":[[01]]}', "BAD_JSON"),
        (b'{"instances":[[1]],"other":1}', "UNKNOWN_FIELD"),
    ],
)
def test_a_malformed_body_has_its_code(body: bytes, code: str) -> None:
    """Each kind of mistake is told apart."""
    with pytest.raises(InputError) as caught:
        wire.instances(body)
    assert caught.value.code == code


def test_the_place_of_a_syntax_error_is_told() -> None:
    """The sentence says at which character the JSON breaks."""
    with pytest.raises(InputError, match=r"\(character 20\)"):
        wire.instances(b'{"instances":[[1,2],}')


def test_a_number_beyond_64_bits_is_a_number() -> None:
    """2**70 fits a float and is taken."""
    assert wire.instances(b'{"instances":[[1180591620717411303424]]}') == [[float(2**70)]]


def test_colons_in_texts_are_no_duplicate_keys() -> None:
    """Only keys count, however many colons a text holds."""
    assert wire.instances(b'{"instances":[{"t":"a:b:c"},{"t":"d"}]}') == [{"t": "a:b:c"}, {"t": "d"}]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f'{{"instances":{text}}}'.encode()))
def test_whatever_bytes_come_only_an_input_error_comes_out(body: bytes) -> None:
    """No body makes the parser fail in another way."""
    with contextlib.suppress(InputError):
        assert isinstance(wire.instances(body), list)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False, width=32) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(json_values, max_size=4))
def test_good_bodies_come_through_whole(rows: list[object]) -> None:
    """What JSON can say arrives as it was said."""
    assert wire.instances(json.dumps({"instances": rows}).encode()) == rows


def test_depth_counts_brackets_outside_of_strings_only() -> None:
    """Brackets in a text are text."""
    wire.explain_depth(b'{"instances":["' + b"[" * 500 + b'"]}')
    with pytest.raises(InputError):
        wire.explain_depth(b"[" * 65)


def test_an_answer_is_as_short_as_its_float32(registry: Registry) -> None:
    """6.01 is written as 6.01, not with the digits that only a float64 has."""
    signature = registry.entry("notes", 1).signature
    body = wire.answer(signature, 1, np.array([6.01], np.float32), probabilities=False)
    assert body == b'{"model":"notes","version":1,"predictions":[6.01]}'


def test_a_class_comes_with_its_probability(registry: Registry) -> None:
    """The best class by default, all of them on request."""
    signature = registry.entry("shapes", 1).signature
    output = np.array([[0.25, 0.5, 0.25]], np.float32)
    (short,) = json.loads(wire.answer(signature, 1, output, probabilities=False))["predictions"]
    (full,) = json.loads(wire.answer(signature, 1, output, probabilities=True))["predictions"]
    best = signature.target.classes[1]
    assert short == {"label": best, "probability": 0.5}
    assert full["probabilities"] == dict(zip(signature.target.classes, [0.25, 0.5, 0.25], strict=True))
