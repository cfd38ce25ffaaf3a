"""Rows of every kind that a caller may have, as what is sent."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mulgam.client import RequestError, own_json
from mulgam.client.tables import Columns, Listed, read
from mulgam.encoding.encoder import Encoder
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs

NAN = float("nan")


def signature(*features: Feature) -> Signature:
    """Of a regression."""
    target = Target("price") if features[0].type != "tensor" else Target("out", shape=(2,))
    task = "generic" if features[0].type == "tensor" else "regression"
    return Signature("m", task, features, target, graph_inputs(features), graph_outputs(target), {})  # type: ignore[arg-type]


NUMBERS = signature(Feature("area", "number"), Feature("rooms", "number"))
MIXED = signature(Feature("area", "number"), Feature("code", "category", vocabulary=("7",)), Feature("new", "boolean"))


def instances(rows: Any, of: Signature | None = None) -> Any:
    """What the service would read."""
    return json.loads(own_json.body(read(rows).instances(of)))["instances"]


WANTED = [{"area": 32.0, "rooms": 3.0}, {"area": 33.0, "rooms": None}]


@pytest.mark.parametrize(
    "rows",
    [
        [{"area": 32, "rooms": 3}, {"area": 33.0, "rooms": NAN}],
        ({"area": np.float32(32), "rooms": np.int64(3)}, {"area": Decimal(33), "rooms": None}),
        iter([{"area": 32, "rooms": 3}, {"area": 33, "rooms": pd.NA}]),
        {"area": [32, 33], "rooms": (3, None)},
        {"rooms": np.array([3, NAN]), "area": np.array([32, 33], dtype=np.int16)},
        {"area": [32, 33], "rooms": np.ma.masked_array([3, 99], mask=[False, True])},
        np.array([(32, 3), (33, NAN)], dtype=[("area", "i4"), ("rooms", "f8")]),
        pd.DataFrame({"area": [32, 33], "rooms": [3, None]}, index=[9, 4]),
        pd.DataFrame({"area": [32.0, 33.0], "rooms": pd.array([3, pd.NA], dtype="Int64")}, index=[0.5, 0.1]),
        pd.DataFrame({"area": [32, 33], "rooms": [Decimal(3), pd.NaT]}),
        pa.table({"area": [32, 33], "rooms": [3, None]}),
    ],
)
def test_tables_of_every_kind_are_the_same_rows(rows: Any) -> None:
    """By name, in the order of the rows, with null for whatever stands for a missing value."""
    assert instances(rows) == WANTED


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (np.array([[32, 3], [33, NAN]]), [[32, 3], [33, None]]),
        (np.ma.masked_array([[32, 3], [33, 4]], mask=[[0, 0], [0, 1]]), [[32, 3], [33, None]]),
        (pd.DataFrame([[32, 3], [33, NAN]]), [[32, 3], [33, None]]),
        ([np.array([32, 3]), [33, NAN]], [[32, 3], [33, None]]),
        (["a", "b"], ["a", "b"]),
        (pd.Series(["a", None], index=[3, 1]), ["a", None]),
        (np.array(["a", "물감"]), ["a", "물감"]),
        (np.zeros((1, 2, 2)), [[[0, 0], [0, 0]]]),
    ],
)
def test_rows_without_names_keep_their_order(rows: Any, wanted: Any) -> None:
    """Arrays, frames whose columns are numbered, texts, tensors."""
    assert instances(rows) == wanted


def test_a_word_that_became_a_float_is_the_word_again() -> None:
    """pandas makes 7.0 of a 7 in a column where another value is missing; a number stays as it is."""
    frame = pd.DataFrame({"area": [7.0, 1.0], "code": [7, None], "new": [True, None]})
    assert instances(frame, MIXED) == [
        {"area": 7.0, "code": 7, "new": True},
        {"area": 1.0, "code": None, "new": None},
    ]


@pytest.mark.parametrize(
    ("rows", "code", "field", "said"),
    [
        ([{"area": float("inf")}], "NON_FINITE", "instances[0].area", "infinity"),
        ([[1], [np.float32("-inf")]], "NON_FINITE", "instances[1][0]", "infinity"),
        ([{"day": datetime.date(2026, 1, 1)}], "WRONG_TYPE", "instances[0].day", "the type date"),
        ({"day": np.array(["2026-01-01"], dtype="M8[D]")}, "WRONG_TYPE", "instances[0].day", "the type date"),
        ({"area": 32, "rooms": 3}, "WRONG_SHAPE", "area", "one row is"),
        ({"area": "ab"}, "WRONG_SHAPE", "area", "one row is"),
        ({}, "WRONG_SHAPE", None, "no columns"),
        ({"area": [1, 2], "rooms": [1]}, "RAGGED", None, "'area' has 2 values, 'rooms' 1"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "DUPLICATE_KEY", None, "twice"),
        ("area", "WRONG_TYPE", None, "not str"),
        (7, "WRONG_TYPE", None, "not int"),
        (np.array(7.0), "WRONG_SHAPE", None, "single value"),
    ],
)
def test_what_cannot_be_sent_is_told(rows: Any, code: str, field: str | None, said: str) -> None:
    """In one sentence, with the place."""
    with pytest.raises(RequestError, match=said) as caught:
        own_json.body(read(rows).instances(None))
    assert (caught.value.code, caught.value.field, caught.value.status) == (code, field, None)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[32, 3], [33, NAN]]),
        np.array([[0.1, 2**53 + 1], [1e-50, -0.0]]),
        pd.DataFrame({"rooms": [3, None], "area": [0.1, 1e38]}),
        {"rooms": [3, 4], "area": np.array([2**62 + 2**38 + 1, 1], dtype=np.int64)},
        pa.table({"area": [32, 33], "rooms": [3, None]}),
    ],
)
def test_tensors_are_what_the_service_would_make_of_the_instances(rows: Any) -> None:
    """Bit by bit: the binary road gives no other answer than JSON."""
    made = read(rows).tensors(NUMBERS)
    assert made is not None
    encoded = Encoder(NUMBERS).encode(instances(rows))["numeric"]
    assert made["numeric"].dtype == encoded.dtype
    assert made["numeric"].tobytes() == encoded.tobytes()


@pytest.mark.parametrize(
    ("rows", "of"),
    [
        (np.array([[1e39, 1]]), NUMBERS),
        (np.array([[np.inf, 1]]), NUMBERS),
        (np.array([[1, 2, 3]]), NUMBERS),
        (np.array([[True, False]]), NUMBERS),
        ({"area": [1], "rooms": ["3"]}, NUMBERS),
        ({"area": [1]}, NUMBERS),
        ({"area": [1], "rooms": [1], "id": [1]}, NUMBERS),
        ({"area": [1], "code": [7], "new": [True]}, MIXED),
        ([[1, 2]], NUMBERS),
        (np.zeros((1, 2)), signature(Feature("x", "tensor", datatype="INT64", shape=(2,)))),
        (np.zeros((1, 3)), signature(Feature("x", "tensor", datatype="FP32", shape=(2,)))),
    ],
)
def test_what_the_service_should_look_at_goes_as_instances(rows: Any, of: Signature) -> None:
    """Anything but numbers under the right names that the tensors' type holds."""
    assert read(rows).tensors(of) is None


def test_tensors_of_a_model_of_tensors() -> None:
    """Under their names, or the one tensor as it is; in the model's datatype."""
    one = signature(Feature("x", "tensor", datatype="FP32", shape=(2, 2)))
    two = signature(
        Feature("x", "tensor", datatype="FP32", shape=(2,)), Feature("n", "tensor", datatype="INT64", shape=(1,))
    )
    made = read(np.ones((3, 2, 2))).tensors(one)
    assert made is not None
    assert made["x"].dtype == np.float32
    both = read({"n": np.ones((3, 1), dtype=np.int32), "x": np.ones((3, 2))}).tensors(two)
    assert both is not None
    assert (both["n"].dtype, both["x"].shape) == (np.int64, (3, 2))


def test_rows_are_cut_by_place() -> None:
    """Whatever labels they have."""
    frame = pd.DataFrame({"area": [1, 2, 3]}, index=[2.5, 0.5, 1.5])
    assert read(frame).cut(1, 3).instances(None) == [{"area": 2}, {"area": 3}]
    assert isinstance(read([[1], [2]]), Listed)
    assert isinstance(read({"a": [1]}), Columns)
    assert len(read(frame)) == 3
