"""The live figures of a model: what happened between two looks at the counters, of all gateway processes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from service import stats
from service.bridge import Bridge
from service.metrics.families import REQUEST_SECONDS
from service.metrics.files import FILES_VARIABLE
from service.metrics.rendering import collected
from service.plane import DataPlane
from service.stats import Stats, look, percentiles
from tests.processes import ROOT
from tests.service.test_predict_route import post

ROWS = {"instances": [[32, 3, 0.3], [33, 3, 0.5]]}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is a look."""
    monkeypatch.setattr(stats, "LEAST_APART", 0.0)


def asked(client: FlaskClient, model: str = "notes") -> dict[str, Any]:
    """The figures of a model."""
    found: dict[str, Any] = client.get(f"/models/{model}/stats").json
    return found


@pytest.mark.usefixtures("at_once")
def test_the_figures_are_those_of_the_window(client: FlaskClient) -> None:
    """Answers by status, rate, latency, rows in a batch; of this model, and of nobody's requests nothing."""
    before = asked(client)
    assert (before["model"], before["version"], before["state"]) == ("notes", 1, "starting")
    assert (before["rate"], before["latency"], before["batch_rows"], before["answered"]) == (0, None, None, 0)
    for _ in range(3):
        post(client, ROWS)
    post(client, {"instances": []})
    post(client, {"instances": [[1, 2, 3]]}, "/predict/shapes")
    found = asked(client)
    assert found["codes"] == {"200": 3, "400": 1}
    assert found["rate"] == pytest.approx(4 / found["seconds"], rel=0.1)
    assert found["batch_rows"] == 2
    assert 0 < found["latency"]["p50"] <= found["latency"]["p95"] <= found["latency"]["p99"] < 10
    assert found["answered"] == 4
    assert asked(client, "shapes")["codes"] == {"200": 1}


@pytest.mark.usefixtures("at_once")
def test_what_is_longer_ago_than_the_window_counts_no_more(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where someone asked within that time; what was answered in all stays."""
    monkeypatch.setattr(stats, "WINDOW", 0.0)
    post(client, ROWS)
    assert asked(client)["codes"] == {"200": 1}
    found = asked(client)
    assert (found["codes"], found["latency"], found["answered"]) == ({}, None, 1)


def test_many_who_ask_cost_one_look(plane: DataPlane, bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within half a second all get the same."""
    looks = []
    monkeypatch.setattr(stats, "LEAST_APART", 60.0)
    monkeypatch.setattr(stats, "collected", lambda registry: looks.append(1) or collected(registry))
    figures = Stats(plane, bridge)
    served = plane.catalogue.find("notes")
    assert len({json.dumps(figures.of(served)) for _ in range(20)}) == 1
    assert len(looks) == 2


@pytest.mark.usefixtures("at_once")
def test_drift_is_told_by_feature(client: FlaskClient, plane: DataPlane) -> None:
    """As the series have it."""
    assert asked(client)["drift"] == {"prediction": None, "features": {}}
    plane.metrics.feature_drift.labels("notes", "1", "area").set(0.123456)
    plane.metrics.prediction_drift.labels("notes", "1").set(0.5)
    plane.metrics.prediction_drift.labels("notes", "2").set(9)
    assert asked(client)["drift"] == {"prediction": 0.5, "features": {"area": 0.1235}}


def test_percentiles_are_estimated_within_their_bucket() -> None:
    """As `histogram_quantile` does; past the last bound it is that bound; of nothing there are none."""
    counts = [0.0] * (len(REQUEST_SECONDS) + 1)
    assert percentiles(counts) is None
    counts[3] = 100.0
    low, high = REQUEST_SECONDS[2], REQUEST_SECONDS[3]
    found = percentiles(counts)
    assert found is not None
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert found[name] == pytest.approx(low + share * (high - low), rel=0.01)
    counts[-1] = 100.0
    found = percentiles(counts)
    assert found is not None
    assert (found["p95"], found["p99"]) == (REQUEST_SECONDS[-1], REQUEST_SECONDS[-1])
    assert math.isclose(found["p50"], high)


def test_a_row_that_someone_only_tries_is_no_sign_of_drift(client: FlaskClient, plane: DataPlane) -> None:
    """X-What-If: answered and counted as a request, but not among what was predicted; an empty one is none."""

    def predicted() -> float | None:
        client.get("/metrics")
        return plane.metrics.registry.get_sample_value(
            "mulgam_predicted_value_count", {"model": "notes", "version": "1"}
        )

    real = post(client, ROWS)
    tried = post(client, ROWS, **{"X-What-If": "1"})
    assert tried.json == real.json
    assert predicted() == 2
    post(client, ROWS, **{"X-What-If": ""})
    assert predicted() == 4
    assert np.isclose(asked(client)["codes"]["200"], 3)


WRITER = """
import sys
from service.metrics.recording import Metrics
metrics = Metrics()
metrics.requests.labels("notes", "1", "json", "200").inc(int(sys.argv[1]))
metrics.request_seconds.labels("notes", "1", "json").observe(0.003)
metrics.request_seconds.labels("notes", "1", "csv").observe(9)
metrics.batch_rows.labels("notes", "1").observe(int(sys.argv[1]))
"""


def test_the_counters_of_all_processes_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gateways that wrote their files: one sum. How long a table took is no latency."""
    monkeypatch.setenv(FILES_VARIABLE, str(tmp_path))
    for count in ("2", "5"):
        subprocess.run([sys.executable, "-c", WRITER, count], cwd=ROOT, check=True, timeout=60)
    families = collected(CollectorRegistry())
    totals = look(families).totals["notes", "1"]
    assert totals.codes == {"200": 7}
    assert (totals.batches, totals.rows) == (2, 7)
    assert sum(totals.seconds) == 2
    assert totals.seconds[REQUEST_SECONDS.index(0.005)] == 2
