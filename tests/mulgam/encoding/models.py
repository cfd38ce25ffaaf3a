"""Models of each kind that the tests of encoding share, and how their outcome is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.encoding.largest import FLOAT32_MAX
from mulgam.errors import InputError
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from mulgam.tensors import Arrays

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


def outcome(encoder: Encoder, instances: Any) -> Arrays | tuple[str, str | None]:
    """The tensors, or code and field of the refusal."""
    try:
        return encoder.encode(instances)
    except InputError as problem:
        return problem.code, problem.field


def assert_refused(described: Signature, instances: Any, code: str, field: str | None) -> None:
    """With this code and place, and one bounded line about it."""
    with pytest.raises(InputError) as raised:
        Encoder(described).encode(instances)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


IMAGES = describe(
    Feature("image", "tensor", missing=False, datatype="FP32", shape=(2, 2)),
    Feature("mask", "tensor", missing=False, datatype="BOOL", shape=()),
)

# Of any size, and what is none.
numbers = (
    st.integers(-(10**50), 10**50)
    | st.floats(allow_nan=True)
    | st.sampled_from([FLOAT32_MAX, 3.4028235e38, 3.4028236e38, 1e39, 10**400])
)
