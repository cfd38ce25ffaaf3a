"""What a client may be made of, and what it sends."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from mulgam.client import Client, UnavailableError
from mulgam.client.errors import ClientError
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from tests.mulgam.client.scripted import header, http, scripted, sent
from tests.processes import ROOT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"url": "localhost:8000"}, "no address"),
        ({"url": "ftp://x"}, "no address"),
        ({"url": "http://x?y=1"}, "no address"),
        ({"api_key": "a b"}, "api_key"),  # pragma: allowlist secret
        ({"api_key": ""}, "api_key"),
        ({"tries": 0}, "tries is 0"),
        ({"connections": 0}, "connections"),
        ({"rows_per_request": 0}, "rows_per_request"),
        ({"timeout": 0}, "above 0"),
        ({"deadline": float("inf")}, "above 0"),
    ],
)
def test_a_client_that_could_not_work_is_not_made(arguments: dict[str, Any], said: str) -> None:
    """It says which argument."""
    with pytest.raises(ValueError, match=said):
        Client(**arguments)


def test_names_that_no_header_holds_are_refused() -> None:
    """Before anything is sent."""
    client = Client("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="request id"):
        client.predict("m", [[1]], request_id="a\r\nX: y")
    with pytest.raises(ValueError, match="canary_key"):
        client.predict("m", [[1]], canary_key="a\r\nX: y")


def echo(number: int, request: bytes) -> bytes:
    """Each row's first value is its prediction."""
    return http(200, {"predictions": [row[0] for row in sent(request)["instances"]]})


def test_a_long_table_is_cut_and_put_together_again() -> None:
    """Each piece under an id of its own, all with the same key for the choice of a version."""
    with scripted(echo) as service:
        found = Client(service.url, rows_per_request=3).predict("m", [[n] for n in range(10)], request_id="job")
    assert found.tolist() == list(range(10))
    assert sorted(header(one, "X-Request-Id") or "" for one in service.requests) == [f"job-{n}" for n in range(4)]
    assert {header(one, "X-Canary-Key") for one in service.requests} == {"job"}


def test_a_piece_of_many_bytes_goes_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is sent."""
    monkeypatch.setattr("mulgam.client.asking.MOST_BYTES", 60)
    with scripted(lambda n, r: http(200, {"predictions": [float(row) for row in sent(r)["instances"]]})) as service:
        assert Client(service.url).predict("m", ["1" * 20, "2" * 20, "3"]).tolist() == pytest.approx(
            [float("1" * 20), float("2" * 20), 3]
        )
    assert len(service.requests) == 2


def test_a_refusal_before_the_body_is_read_is_heard() -> None:
    """A server may answer 413 and close while a large body is still being sent."""
    refusal = http(413, {"error": "Too large.", "code": "BODY_TOO_LARGE"}, Connection="close")
    with scripted(lambda *_: refusal) as service, pytest.raises(ClientError, match="Too large") as caught:
        Client(service.url).predict("m", [["x" * 100]])
    assert caught.value.status == 413


def test_the_path_before_all_paths_is_kept() -> None:
    """For a service behind a proxy; a model's and a version's name are part of one path each."""
    with scripted(echo) as service:
        Client(service.url + "/mulgam/").predict("a b", [[1]], version=2)
    assert service.requests[0].startswith(b"POST /mulgam/predict/a%20b/versions/2 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"predictions": []}',
        b'{"predictions": [{"x": 1}]}',
        b'{"predictions": [[1], [2, 3]]}',
    ],
)
def test_an_answer_that_is_none_is_told(answer: bytes) -> None:
    """Whatever took the service's place."""
    with scripted(lambda *_: http(200, answer)) as service, pytest.raises(UnavailableError) as caught:
        Client(service.url).predict("m", [[1]])
    assert caught.value.code == "BAD_ANSWER"


def test_an_unknown_description_is_told() -> None:
    """Of a later Mulgam, or of something else."""
    with scripted(lambda *_: http(200, {"signature": {"format": 99}})) as service, pytest.raises(UnavailableError):
        Client(service.url).signature("m")


def describing(version: int, digest: str) -> dict[str, Any]:
    """`GET /models/m`."""
    features, target = (Feature("a", "number"), Feature("b", "number")), Target("t")
    signature = Signature("m", "regression", features, target, graph_inputs(features), graph_outputs(target), {})
    return {"version": version, "digest": digest, "signature": json.loads(signature.dumps())}


def test_tensors_answered_by_another_version_are_asked_again_by_name() -> None:
    """A canary's columns may have another order; and the description is asked for anew next time."""

    def script(number: int, request: bytes) -> bytes:
        if request.startswith(b"GET"):
            return http(200, describing(1, "one"))
        if b"/infer" in request.partition(b"\r\n")[0]:
            return http(200, {"outputs": []}, X_Model_Digest="two")
        return http(200, {"predictions": [row["a"] for row in sent(request)["instances"]]}, X_Model_Digest="two")

    with scripted(script) as service:
        client = Client(service.url)
        rows = {"b": np.array([1.0]), "a": np.array([7.0])}
        assert client.predict("m", rows).tolist() == [7]
        assert client.predict("m", rows).tolist() == [7]
    lines = [one.partition(b" HTTP")[0] for one in service.requests]
    assert lines.count(b"GET /models/m") >= 2
    assert lines.count(b"POST /v2/models/m/infer") == 2
    assert lines.count(b"POST /predict/m") == 2


def test_an_error_survives_being_pickled() -> None:
    """As workers of other processes send it."""
    problem = UnavailableError("No.", "X", 503, "f", "id", 2.0)
    again = pickle.loads(pickle.dumps(problem))
    assert (str(again), again.code, again.status, again.field, again.request_id, again.retry_after) == (
        "No.", "X", 503, "f", "id", 2.0,
    )  # fmt: skip


def test_it_needs_numpy_alone() -> None:
    """Neither pandas nor a room is loaded by importing it."""
    code = (
        "import sys, mulgam.client\n"
        "print([n for n in ('pandas', 'pyarrow', 'flask', 'torch', 'service', 'model', 'orjson') if n in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
