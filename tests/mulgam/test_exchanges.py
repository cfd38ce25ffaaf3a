"""What is remembered of one body never shows in the next."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam import exchanges
from mulgam import tensors as v2
from mulgam.errors import InputError
from mulgam.exchanges import Reader, Writer
from tests.mulgam.test_tensors import arrays

Array = npt.NDArray[Any]
PARAMETERS = {"digest": "d", "device": "cpu"}


def same(one: Array, other: Array) -> bool:
    """Bit for bit."""
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@given(st.lists(st.dictionaries(st.sampled_from("xyz"), arrays(), min_size=1, max_size=2), min_size=1, max_size=12))
def test_a_body_is_what_it_would_be_without_memory(bodies: list[dict[str, Array]]) -> None:
    """Bodies of the same and of other forms in any order, each twice: as `tensors` writes and reads them."""
    writer, reader = Writer("outputs", PARAMETERS), Reader("outputs")
    for sent in [*bodies, *bodies]:
        length, body = writer.encode(sent)
        assert (length, body) == v2.encode("outputs", sent, PARAMETERS)
        message = reader.decode(body, str(length))
        assert message.parameters == PARAMETERS
        assert list(message.tensors) == list(sent)
        assert all(same(message.tensors[name], array) for name, array in sent.items())


def test_texts_of_other_lengths_are_described_anew() -> None:
    """The shape stays, the bytes do not."""
    writer, reader = Writer("outputs"), Reader("outputs")
    for word in ("a", "물감", ""):
        length, body = writer.encode({"label": np.array([word, "b"], dtype=object)})
        assert reader.decode(body, length).tensors["label"].tolist() == [word.encode(), b"b"]


def test_a_known_head_does_not_excuse_wrong_bytes() -> None:
    """The bytes are held against the head each time."""
    length, body = v2.encode("inputs", {"x": np.zeros((2, 2), np.float32)})
    reader = Reader("inputs")
    reader.decode(body, length)
    for wrong in (body[:-1], body + b"x"):
        with pytest.raises(InputError, match=r"binary_data_size|left over"):
            reader.decode(wrong, length)


def test_a_wrong_head_is_refused_each_time() -> None:
    """Nothing of it is remembered."""
    reader, body = Reader("inputs"), json.dumps({"inputs": [{"name": "x"}]}).encode()
    for _ in range(2):
        with pytest.raises(InputError):
            reader.decode(body, None)


def test_strangers_fill_no_memory() -> None:
    """However many forms come, a bounded number of short heads is kept."""
    writer, reader = Writer("inputs"), Reader("inputs")
    for rows in range(1, 3 * exchanges.MOST):
        length, body = writer.encode({"x": np.zeros((rows, 1), np.float32)})
        reader.decode(body, length)
    long, body = v2.encode("inputs", {"x" * exchanges.LONGEST: np.zeros((1, 1), np.float32)})
    reader.decode(body, long)
    assert 0 < len(reader._known) <= exchanges.MOST
    assert 0 < len(writer._known) <= exchanges.MOST
    assert max(map(len, reader._known)) <= exchanges.LONGEST
