"""What is served, whether it is ready, and the figures of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.bridge import Bridge
from service.errors import backend_unavailable
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import Catalogue
from tests.service.conftest import SteeredBackend
from tests.service.test_predict_route import post


def scrape(client: FlaskClient) -> dict[str, float]:
    """The series of `/metrics` by their full name."""
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_the_models_are_listed(client: FlaskClient, catalogue: Catalogue) -> None:
    """Name, version, task, digest, state of each."""
    listed = {model["name"]: model for model in client.get("/models").json["models"]}
    assert set(listed) == {"notes", "shapes"}
    assert listed["notes"]["digest"] == catalogue.find("notes").digest
    assert listed["shapes"]["task"] == "classification"


def test_a_model_shows_its_signature_and_scores(client: FlaskClient) -> None:
    """What a caller needs in order to send a row."""
    model = client.get("/models/notes").json
    assert [feature["name"] for feature in model["signature"]["features"]] == ["area", "rooms", "distance"]
    assert "metrics" in model
    assert client.get("/models/nope").json["code"] == "UNKNOWN_MODEL"


def test_the_index_tells_what_is_ready_where_it_is_asked(client: FlaskClient, plane: DataPlane, bridge: Bridge) -> None:
    """As over gRPC; before the first golden answer nothing is."""

    def names(body: bytes) -> list[str]:
        return [one["name"] for one in client.post("/v2/repository/index", data=body).json]

    assert names(b"") == names(b"{}") == names(b'{"ready":false}') == ["notes", "shapes"]
    assert names(b'{"ready":true}') == []
    bridge.run(plane.readiness.replay())
    assert names(b'{"ready":true}') == ["notes", "shapes"]


@pytest.mark.parametrize("model", ["notes", "shapes"])
def test_the_report_of_a_version_is_shown_and_can_do_nothing(client: FlaskClient, model: str) -> None:
    """As it was published; sandboxed, without scripts, and with nothing from elsewhere."""
    answer = client.get(f"/models/{model}/report")
    assert (answer.status_code, answer.mimetype, answer.text) == (200, "text/html", "<!doctype html>\n")
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert client.get("/models/nope/report").json["code"] == "UNKNOWN_MODEL"


def test_a_state_is_one_word(steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge) -> None:
    """Before the first golden answer, with it, with another, without any, and at the end; never why exactly."""
    client = create_app(steered_plane, bridge).test_client()

    def told() -> str:
        model = client.get("/models/notes").json
        assert model["ready"] == (model["state"] == "ready")
        assert client.get("/models").json["models"][0]["state"] == model["state"]
        return str(model["state"])

    states = [told()]
    for spoil in (
        lambda served, answer: answer,
        lambda served, answer: replace(answer, output=answer.output + np.float32(0.01)),
        lambda served, answer: backend_unavailable(served.name),
    ):
        steered.spoil = spoil
        bridge.run(steered_plane.readiness.replay())
        states.append(told())
    steered_plane.drain()
    assert [*states, told()] == ["starting", "ready", "wrong", "unavailable", "stopping"]


def test_a_list_of_models_says_what_else_is_here(plane: DataPlane, bridge: Bridge) -> None:
    """Metrics are linked where they are on this port."""
    assert create_app(plane, bridge).test_client().get("/models").json["links"]["metrics"] == "/metrics"
    public = DataPlane(replace(plane.settings, public_health="no"), plane.catalogue, plane.backend, Metrics())
    assert "metrics" not in create_app(public, bridge).test_client().get("/models").json["links"]


def test_nothing_is_ready_before_its_golden_answers(client: FlaskClient) -> None:
    """Readiness starts as no."""
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["models"] == {"notes": False, "shapes": False}


def test_ready_after_the_golden_answers_came(client: FlaskClient, plane: DataPlane, bridge: Bridge) -> None:
    """All golden requests of all models, through the real runtime."""
    bridge.run(plane.readiness.replay())
    assert client.get("/readyz").json == {"status": "ready", "models": {"notes": True, "shapes": True}}
    assert scrape(client)['mulgam_ready{model="notes"}'] == 1


def test_a_wrong_golden_answer_makes_a_model_unready(
    steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge
) -> None:
    """Only the model that answers wrongly, and with its cause; it heals by itself."""
    readiness = steered_plane.readiness
    bridge.run(readiness.replay())
    assert readiness.ready() == {"notes": True, "shapes": True}
    steered.spoil = lambda served, answer: (
        replace(answer, output=answer.output + np.float32(0.01)) if served.name == "notes" else answer
    )
    bridge.run(readiness.replay())
    assert readiness.ready() == {"notes": False, "shapes": True}
    assert "from the stored one" in (readiness.states["notes"].cause or "")
    steered.spoil = lambda served, answer: answer
    bridge.run(readiness.replay())
    assert readiness.ready() == {"notes": True, "shapes": True}


def test_an_absent_backend_makes_every_model_unready(
    steered_plane: DataPlane, steered: SteeredBackend, steered_client: FlaskClient, bridge: Bridge
) -> None:
    """503 while nothing can answer; the public is not told why."""
    steered.spoil = lambda served, answer: backend_unavailable(served.name)
    bridge.run(steered_plane.readiness.replay())
    answer = steered_client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "models": {"notes": False, "shapes": False}}


def test_health_stays_off_the_public_port_where_others_reach_it(plane: DataPlane, bridge: Bridge) -> None:
    """On an address that is not loopback, health and metrics are on the admin listener only."""
    settings = replace(plane.settings, host="0.0.0.0")
    public = DataPlane(settings, plane.catalogue, plane.backend, Metrics())
    client = create_app(public, bridge).test_client()
    assert {client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")} == {404}


def test_requests_rows_and_predictions_are_counted(client: FlaskClient) -> None:
    """By model, version, protocol and status; batch rows; predicted values and classes."""
    post(client, {"instances": [[32, 3, 0.3], [33, 3, 0.5]]})
    post(client, {"instances": [[1, 2, 3]]}, "/predict/shapes")
    post(client, {"instances": []})
    series = scrape(client)
    label = 'model="notes",protocol="json",version="1"'
    assert series[f'mulgam_requests_total{{code="200",{label}}}'] == 1
    assert series[f'mulgam_requests_total{{code="400",{label}}}'] == 1
    assert series['mulgam_batch_rows_sum{model="notes",version="1"}'] == 2
    assert series['mulgam_predicted_value_sum{model="notes",version="1"}'] == pytest.approx(11.5, abs=1e-4)
    assert sum(value for name, value in series.items() if name.startswith("mulgam_predicted_class_total")) == 1


def test_no_series_is_made_of_what_callers_send(client: FlaskClient) -> None:
    """Paths, model names, methods and ids of callers never become labels."""

    def hostile(number: int) -> set[str]:
        post(client, {}, f"/predict/m{number}", **{"X-Request-Id": f"id{number}"})
        client.get(f"/path{number}")
        client.open("/predict/notes", method=f"FOO{number}")
        return set(scrape(client))

    hostile(0)
    before = hostile(1)
    for number in range(2, 50):
        hostile(number)
    assert hostile(50) == before


def test_predictions_of_one_class_are_one_series(steered_client: FlaskClient, steered: SteeredBackend) -> None:
    """Counted by the class that was answered."""
    steered.spoil = lambda served, answer: replace(answer, output=np.tile(np.float32([0, 1, 0]), (4, 1)))
    post(steered_client, {"instances": [[1, 2, 3]] * 4}, "/predict/shapes")
    counted = {name: value for name, value in scrape(steered_client).items() if "predicted_class_total" in name}
    assert list(counted.values()) == [4]


def test_default_settings_show_health() -> None:
    """On loopback the page and a person find health on the one port they know."""
    assert Settings().shows_health


def test_a_model_that_answers_wrongly_is_not_asked(
    steered_plane: DataPlane, steered: SteeredBackend, steered_client: FlaskClient, bridge: Bridge
) -> None:
    """503 with Retry-After for the broken model alone, while the others serve on."""
    bridge.run(steered_plane.readiness.replay())
    steered.spoil = lambda served, answer: (
        replace(answer, output=answer.output + np.float32(0.01)) if served.name == "notes" else answer
    )
    bridge.run(steered_plane.readiness.replay())
    answer = post(steered_client, {"instances": [[32, 3, 0.3]]})
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "MODEL_UNAVAILABLE", "1")
    assert post(steered_client, {"instances": [[1, 2, 3]]}, "/predict/shapes").status_code == 200
