"""Numbers outside of the range that training had: answered as ever, or refused where the settings say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from mulgam import tensors as v2
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.ranges import MOST_FEATURES, Ranges
from service.versions.served import Catalogue

NAN = float("nan")


def ranges(*features: Feature) -> Ranges:
    """Of a regression on these features."""
    target = Target("y")
    return Ranges(Signature("m", "regression", features, target, graph_inputs(features), graph_outputs(target), {}))


def number(name: str, low: float | None = None, high: float | None = None, unit: str | None = None) -> Feature:
    """A number's feature."""
    return Feature(name, "number", minimum=low, maximum=high, unit=unit)


def numeric(*rows: list[float]) -> dict[str, Any]:
    """Encoded rows."""
    return {"numeric": np.array(rows, np.float32)}


ROOMS = ranges(number("area", 0.1, 36.0, "pyeong"), number("rooms", 3), number("floor", None, 40), number("free"))


@pytest.mark.parametrize("row", [[0.1, 3, 40, 1e30], [36, 1e30, -1e30, -1e30], [NAN, NAN, NAN, NAN]])
def test_the_ends_of_a_range_belong_to_it(row: list[float]) -> None:
    """As the model sees them, in 32 bits; a missing value is no value, and a number without a range has any."""
    assert ROOMS.outside(numeric([2, 3, 4, 5], row)) is None


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ([0.0999, 3, 4, 5], "area is 0.0999; training had 0.1 to 36 pyeong, and"),
        ([36.5, 3, 4, 5], "area is 36.5; training had 0.1 to 36 pyeong, and"),
        ([NAN, 2, 4, 5], "rooms is 2; training had at least 3, and"),
        ([1, 3, 1e30, 5], "floor is 1e+30; training had at most 40, and"),
    ],
)
def test_the_first_number_outside_is_named(row: list[float], sentence: str) -> None:
    """With its row, its value and the range."""
    found = ROOMS.outside(numeric([1, 3, 4, 5], row, row))
    assert found is not None
    problem = found.first("instances")
    assert str(problem).startswith(f"instances[1].{sentence} numbers outside of that are refused")
    assert problem.code == "OUTSIDE_TRAINING"
    assert problem.field is not None
    assert problem.field.startswith("instances[1].")
    assert found.rows.tolist() == [False, True, True]


def test_every_number_outside_is_counted_by_its_feature() -> None:
    """Those of a bounded number of features: a series of each would be too many for a table of thousands."""
    found = ROOMS.outside(numeric([0, 0, 0, 0], [0, 9, 9, 9], [1, 9, 9, 9]))
    assert found is not None
    assert found.counts() == {"area": 2, "rooms": 1}
    wide = ranges(*(number(f"n{place}", 0, 1) for place in range(MOST_FEATURES + 9)))
    many = wide.outside(numeric([2.0] * (MOST_FEATURES + 9)))
    assert many is not None
    assert len(many.counts()) == MOST_FEATURES


def test_a_model_without_numbers_has_no_ranges() -> None:
    """Words and tensors are never outside."""
    assert ranges(Feature("colour", "category", vocabulary=("red",))).outside({"categories": np.zeros((1, 1))}) is None
    image = ranges(Feature("image", "tensor", datatype="FP32", shape=(2, 2), missing=False))
    assert image.outside({"image": np.full((1, 2, 2), 1e30)}) is None


@pytest.fixture
def rejecting(catalogue: Catalogue, bridge: Bridge) -> Iterator[DataPlane]:
    """The data plane of a service that refuses."""
    settings = Settings(out_of_range="reject")
    plane = DataPlane(settings, catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    yield plane
    bridge.run(plane.backend.close())


@pytest.fixture
def refusing(rejecting: DataPlane, bridge: Bridge) -> FlaskClient:
    """Flask's test client on it."""
    return create_app(rejecting, bridge).test_client()


def counted(plane: DataPlane, feature: str) -> float | None:
    """The series of a feature of the notes' model."""
    labels = {"model": "notes", "version": "1", "feature": feature}
    return plane.metrics.registry.get_sample_value("mulgam_out_of_range_total", labels)


INSIDE, OUTSIDE = [34.0, 3.0, 0.4], [34.0, 3.0, 300.0]
SENTENCE = "distance is 300; training had 0.3 to 0.5 km, and numbers outside of that are refused here."


def test_without_the_setting_it_is_answered(client: FlaskClient) -> None:
    """By extrapolation, as a model does."""
    assert client.post("/predict/notes", json={"instances": [OUTSIDE]}).status_code == 200


@pytest.mark.parametrize(("path", "key"), [("/predict/notes", "instances"), ("/v1/models/notes:predict", "inputs")])
@pytest.mark.parametrize("rows", [2, 300])
def test_rows_of_json_are_refused_whole(
    refusing: FlaskClient, rejecting: DataPlane, path: str, key: str, rows: int
) -> None:
    """Whether one or many, by either parser; counted, and nothing of it predicted."""
    answer = refusing.post(path, json={key: [INSIDE] * (rows - 1) + [OUTSIDE]})
    assert answer.status_code == 400
    assert answer.get_json()["error"] == f"instances[{rows - 1}].{SENTENCE}"
    assert answer.get_json()["code"] == "OUTSIDE_TRAINING"
    assert answer.get_json()["field"] == f"instances[{rows - 1}].distance"
    assert counted(rejecting, "distance") == 1
    assert refusing.post(path, json={key: [INSIDE, [None, 3, 0.5]]}).status_code == 200


@pytest.mark.parametrize("binary", [True, False])
def test_v2_is_refused_in_either_form(refusing: FlaskClient, binary: bool) -> None:
    """The sentence counts the rows of the input."""
    matrix = np.array([INSIDE, OUTSIDE], np.float32)
    length, body = v2.encode("inputs", {"numeric": matrix})
    if binary:
        answer = refusing.post("/v2/models/notes/infer", data=body, headers={v2.LENGTH_HEADER: str(length)})
    else:
        tensor = {"name": "numeric", "datatype": "FP32", "shape": [2, 3], "data": matrix.ravel().tolist()}
        answer = refusing.post("/v2/models/notes/infer", json={"inputs": [tensor]})
    assert (answer.status_code, answer.get_json()["error"]) == (400, f"numeric[1].{SENTENCE}")


@pytest.mark.parametrize(
    ("kind", "table", "expected"),
    [
        (
            "text/csv", "area,rooms,distance\n34,3,0.4\n34,3,300\n34,x,0.4\n",
            ["prediction,error", "5.9,", f',"OUTSIDE_TRAINING: {SENTENCE}"', "rooms must be"],
        ),
        ("application/x-ndjson", "[34,3,0.4]\n[34,3,300]\n", ['{"prediction"', f'{{"error":"{SENTENCE}"']),
    ],
)  # fmt: skip
def test_a_table_has_errors_in_those_rows_alone(
    refusing: FlaskClient, rejecting: DataPlane, kind: str, table: str, expected: list[str]
) -> None:
    """A row in is a row out; each refused number is counted once."""
    lines = refusing.post("/predict/notes", data=table, content_type=kind).get_data(as_text=True).splitlines()
    assert len(lines) == len(expected)
    for line, begin in zip(lines, expected, strict=True):
        assert begin in line
    assert counted(rejecting, "distance") == 1


def test_what_is_only_tried_is_refused_and_not_counted(refusing: FlaskClient, rejecting: DataPlane) -> None:
    """As for drift."""
    answer = refusing.post("/predict/notes", json={"instances": [OUTSIDE]}, headers={"X-What-If": "1"})
    assert answer.status_code == 400
    assert counted(rejecting, "distance") is None


def test_golden_requests_are_no_callers(rejecting: DataPlane, bridge: Bridge) -> None:
    """A version whose golden rows lie anywhere gets ready."""
    bridge.run(rejecting.readiness.replay())
    assert rejecting.readiness.ready() == {"notes": True, "shapes": True}
