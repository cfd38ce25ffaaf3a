"""Drift is measured in the bins of training, from what is served, and says nothing of too few rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from service.drift import meter
from service.drift.index import population_stability_index
from service.drift.meter import LEAST_ROWS, MOST_ROWS, DriftMeter
from service.metrics.recording import Metrics
from service.versions.served import Catalogue, Served

FEATURES = (
    Feature("area", "number", minimum=0.0, maximum=10.0),
    Feature("colour", "category", vocabulary=("red", "blue")),
    Feature("note", "text", length=8),
)
TARGET = Target("price")
SIGNATURE = Signature(
    "house", "regression", FEATURES, TARGET, graph_inputs(FEATURES), graph_outputs(TARGET), {}
)  # fmt: skip
BASELINE: dict[str, Any] = {
    "format": 1,
    "features": {
        "area": {"edges": [2.5, 5.0, 7.5], "counts": [100, 100, 100, 100], "missing": 0},
        "colour": {"counts": [0, 0, 200, 200]},
        "note": {"edges": [2.0], "counts": [200, 200], "missing": 0},
    },
    "prediction": {"edges": [0.0], "counts": [200, 200], "missing": 0},
}


def count(drift: DriftMeter) -> dict[str, int]:
    """All steps of a count, one after the other."""
    return {feature: found for step in drift.counting() for feature, found in step.items()}


def seen(rows: list[dict[str, Any]], output: list[float]) -> DriftMeter:
    """A meter that counted these rows."""
    drift = DriftMeter(SIGNATURE, BASELINE, 3600.0)
    drift.observe(Encoder(SIGNATURE).encode(rows), np.array(output, np.float32))
    count(drift)
    return drift


def rows(areas: list[float | None], colours: list[str | None], notes: list[str]) -> list[dict[str, Any]]:
    """As many rows as there are areas; the others are repeated."""
    return [
        {"area": area, "colour": colours[number % len(colours)], "note": notes[number % len(notes)]}
        for number, area in enumerate(areas)
    ]


def test_rows_as_in_training_have_not_drifted() -> None:
    """All indices are near 0."""
    areas: list[float | None] = [1.0, 3.0, 6.0, 9.0] * 100
    drift = seen(rows(areas, ["red", "blue"], ["a", "b", "abc", "abcd"]), [-1.0, 1.0] * 200)
    assert {name: round(found.index, 3) for name, found in drift.features()} == dict.fromkeys(
        ("area", "colour", "note"), 0.0
    )
    assert drift.prediction_index == pytest.approx(0.0, abs=1e-3)


def test_what_has_moved_is_seen_in_its_feature_alone() -> None:
    """A shifted number, words that are new or missing, and higher predictions."""
    drift = seen(rows([9.0] * 300 + [None] * 100, ["green", None, "red", "blue"], ["a", "abcd"]), [5.0] * 400)
    found = dict(drift.features())
    assert found["area"].index > 1
    assert found["area"].missing == 0.25
    assert (found["colour"].unseen, found["colour"].missing) == (0.25, 0.25)
    assert found["note"].index < 0.01
    assert drift.prediction_index is not None
    assert drift.prediction_index > 1


def test_numbers_outside_of_training_are_counted() -> None:
    """Below and above; not the missing ones."""
    drift = DriftMeter(SIGNATURE, BASELINE, 3600.0)
    drift.observe(Encoder(SIGNATURE).encode(rows([-1.0, 11.0, 5.0, None], ["red"], ["a"])), np.zeros(4, np.float32))
    assert count(drift) == {"area": 2}


def test_few_rows_say_nothing() -> None:
    """Below the least number there is no index; chance would look like drift."""
    drift = seen(rows([9.0] * (LEAST_ROWS - 1), ["red"], ["a"]), [5.0] * (LEAST_ROWS - 1))
    assert dict(drift.features()) == {}
    assert drift.prediction_index is None


def test_old_rows_count_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a half-life they weigh half, so that what comes now decides."""
    now = [0.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
    drift = seen(rows([9.0] * 1000, ["red", "blue"], ["a", "abc"]), [1.0] * 1000)
    moved = dict(drift.features())["area"].index
    now[0] = 3600.0 * 20
    usual: list[float | None] = [1.0, 3.0, 6.0, 9.0] * 100
    drift.observe(Encoder(SIGNATURE).encode(rows(usual, ["red", "blue"], ["a", "abc"])), np.ones(400, np.float32))
    count(drift)
    assert moved > 1
    assert dict(drift.features())["area"].index < 0.01


def test_what_is_put_aside_is_bounded() -> None:
    """However many rows come between two counts."""
    drift = DriftMeter(SIGNATURE, BASELINE, 3600.0)
    inputs = Encoder(SIGNATURE).encode(rows([20.0] * 1000, ["red"], ["a"]))
    for _ in range(100):
        drift.observe(inputs, np.zeros(1000, np.float32))
    assert count(drift) == {"area": MOST_ROWS}


def test_it_counts_in_small_steps() -> None:
    """Of 40 features a few at a time; the sum of the steps is the whole."""
    features = tuple(Feature(f"x{n}", "number", minimum=0.0, maximum=1.0) for n in range(40))
    signature = Signature("wide", "regression", features, TARGET, graph_inputs(features), graph_outputs(TARGET), {})
    one = {"edges": [0.5], "counts": [1, 1], "missing": 0}
    drift = DriftMeter(signature, {"features": {feature.name: one for feature in features}}, 3600.0)
    drift.observe({"numeric": np.full((300, 40), 2.0, np.float32)}, np.zeros(300, np.float32))
    steps = list(drift.counting())
    assert len(steps) > 5
    assert max(map(len, steps)) < 8
    assert {name: count for step in steps for name, count in step.items()} == {one.name: 300 for one in features}
    assert list(drift.counting()) == []


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20), st.data())
def test_the_index_is_finite_symmetric_and_never_negative(expected: list[int], data: st.DataObject) -> None:
    """For any counts, empty bins among them."""
    found = data.draw(st.lists(st.integers(0, 10**6), min_size=len(expected), max_size=len(expected)))
    one, other = np.array(expected, np.float64), np.array(found, np.float64)
    index = population_stability_index(one, other)
    assert math.isfinite(index)
    assert index >= 0
    assert index == pytest.approx(population_stability_index(other, one))


def test_the_series_are_there_once_enough_was_predicted(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a served model, after a flush; a service that does not measure drift has none."""
    monkeypatch.setattr(meter, "COUNTED_EVERY", 0.0)
    served = Served(catalogue.find("notes").entry, "onnx")
    quantity = {"edges": [30.0], "counts": [50, 50], "missing": 0}
    vars(served)["baseline"] = {"features": {"area": quantity}, "prediction": quantity}
    inputs = served.encoder.encode([[32, 3, 0.3]] * LEAST_ROWS)
    for half_life, there in ((3600.0, True), (0.0, False)):
        metrics = Metrics(half_life)
        metrics.of(served).predicted(inputs, np.full(LEAST_ROWS, 5.3, np.float32))
        metrics.flush()
        found = [
            metrics.registry.get_sample_value(name, {"model": "notes", "version": "1", **more})
            for name, more in (
                ("mulgam_feature_drift", {"feature": "area"}), ("mulgam_feature_missing_ratio", {"feature": "area"}),
                ("mulgam_prediction_drift", {}),
            )
        ]  # fmt: skip
        assert all(value is not None for value in found) == there
