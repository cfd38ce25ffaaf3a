"""`POST /predict/<model>`: right answers for right requests, one clear sentence for wrong ones."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from service.backends.base import Answer
from service.errors import backend_unavailable
from service.versions.served import Catalogue
from tests.builders import NOTES_ROWS
from tests.service.conftest import SteeredBackend

WORKED = [5.3, 6.2, 6.8]


def post(client: FlaskClient, body: Any, path: str = "/predict/notes", **headers: str) -> Any:
    """A JSON request."""
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(path, data=data, headers={"Content-Type": "application/json", **headers})


def test_the_lecture_notes_houses_get_the_worked_prices(client: FlaskClient) -> None:
    """w = [0.1, 0.3, 4], b = 0 gives 5.3, 6.2, 6.8."""
    answer = post(client, {"instances": [list(row) for row in NOTES_ROWS]})
    assert answer.status_code == 200
    assert answer.json["predictions"] == pytest.approx(WORKED, abs=1e-5)
    assert (answer.json["model"], answer.json["version"]) == ("notes", 1)


def test_rows_may_be_objects(client: FlaskClient) -> None:
    """Features by name, in any order."""
    answer = post(client, {"instances": [{"distance": 0.3, "area": 32, "rooms": 3}]})
    assert answer.json["predictions"] == pytest.approx([5.3], abs=1e-5)


def test_null_is_a_missing_value(client: FlaskClient) -> None:
    """A missing value is imputed in the graph: here by the median of the notes' areas, 33."""
    answer = post(client, {"instances": [[None, 3, 0.3]]})
    assert answer.json["predictions"] == pytest.approx([5.4], abs=1e-5)


def test_a_class_comes_with_probabilities_on_request(client: FlaskClient) -> None:
    """The probabilities of all classes sum to 1."""
    answer = post(client, {"instances": [[1, 2, 3]]}, "/predict/shapes?probabilities=all")
    (prediction,) = answer.json["predictions"]
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert prediction["probability"] == max(prediction["probabilities"].values())


def test_the_version_may_be_named(client: FlaskClient) -> None:
    """The served version answers under its own path too."""
    assert post(client, {"instances": [[32, 3, 0.3]]}, "/predict/notes/versions/1").status_code == 200


def test_every_answer_names_its_files_and_its_request(client: FlaskClient, catalogue: Catalogue) -> None:
    """The digest that the runtime reported and the caller's request id come back."""
    answer = post(client, {"instances": [[32, 3, 0.3]]}, **{"X-Request-Id": "trace-1"})
    assert answer.headers["X-Model-Digest"] == catalogue.find("notes").digest
    assert answer.headers["X-Request-Id"] == "trace-1"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>", "-x"])
def test_an_unfit_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    """An id that could harm a log or a header is not echoed."""
    answer = post(client, {"instances": [[32, 3, 0.3]]}, **{"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] != given


def test_a_missing_content_type_is_taken_for_json(client: FlaskClient) -> None:
    """Unmodified V2 clients send none."""
    assert client.post("/predict/notes", data='{"instances":[[32,3,0.3]]}').status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"instances": [["1", 2, 3]]}, 400, "WRONG_TYPE", "instances[0].area"),
        ({"instances": [[True, 2, 3]]}, 400, "WRONG_TYPE", "instances[0].area"),
        ({"instances": [[1, 2, 3], [1, 2]]}, 400, "RAGGED", "instances[1]"),
        ({"instances": [[1, 2]]}, 400, "WRONG_SHAPE", "instances[0]"),
        ({"instances": []}, 400, "EMPTY_BATCH", "instances"),
        ({"instances": [5]}, 400, "WRONG_TYPE", "instances[0]"),
        ({"instances": [{"area": 1, "rooms": 2}]}, 400, "MISSING_FIELD", "instances[0].distance"),
        ({"instances": [{"area": 1, "rooms": 2, "distnace": 3}]}, 400, "UNKNOWN_FIELD", "instances[0]"),
        ({"instances": [[1e39, 2, 3]]}, 400, "OUT_OF_RANGE", "instances[0].area"),
        ({"instances": [[[1], 2, 3]]}, 400, "WRONG_TYPE", "instances[0].area"),
        (b'{"instances":' + b"[" * 900 + b"]" * 900 + b"}", 400, "TOO_DEEP", None),
        (b'{"instances":[[NaN,2,3]]}', 400, "NON_FINITE", None),
        (b"{", 400, "BAD_JSON", None),
        ({"instances": [[1, 2, 3]] * 10_001}, 413, "TOO_MANY_ROWS", None),
    ],
)
def test_a_wrong_body_is_refused(client: FlaskClient, body: Any, status: int, code: str, field: str | None) -> None:
    """Status, code and field of each mistake, and a sentence; the next good request is answered."""
    answer = post(client, body)
    assert (answer.status_code, answer.json["code"], answer.json.get("field")) == (status, code, field)
    assert answer.json["error"].endswith((".", "?"))
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert post(client, {"instances": [[32, 3, 0.3]]}).status_code == 200


def test_a_misspelt_feature_is_answered_with_the_nearest(client: FlaskClient) -> None:
    """The sentence helps."""
    answer = post(client, {"instances": [{"area": 1, "rooms": 2, "distnace": 3}]})
    assert "did you mean 'distance'?" in answer.json["error"]


@pytest.mark.parametrize(
    ("kind", "encoding", "code"),
    [
        ("text/plain", "identity", "UNSUPPORTED_MEDIA_TYPE"),
        ("application/x-www-form-urlencoded", "identity", "UNSUPPORTED_MEDIA_TYPE"),
        ("multipart/form-data", "identity", "UNSUPPORTED_MEDIA_TYPE"),
        ("application/json", "br", "UNSUPPORTED_ENCODING"),
    ],
)
def test_another_media_type_or_encoding_is_415(client: FlaskClient, kind: str, encoding: str, code: str) -> None:
    """Only plain JSON is taken, and the sentence says so."""
    answer = post(
        client, {"instances": [[1, 2, 3]]}, **{"Content-Type": kind, "Content-Encoding": encoding or "identity"}
    )
    assert (answer.status_code, answer.json["code"]) == (415, code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nope", "NOT_FOUND"),
        ("/predict/nope", "UNKNOWN_MODEL"),
        ("/predict/..%2f..%2fetc", "NOT_FOUND"),
        ("/predict/notes%00x", "UNKNOWN_MODEL"),
        ("/predict/notes%0d%0aX-Evil:1", "UNKNOWN_MODEL"),
        ("/predict/" + "m" * 5000, "UNKNOWN_MODEL"),
        ("/predict/notes/versions/2", "UNKNOWN_VERSION"),
        ("/predict/notes/versions/01", "UNKNOWN_VERSION"),
    ],
)
def test_an_unknown_path_model_or_version_is_404(client: FlaskClient, path: str, code: str) -> None:
    """JSON in the one shape; nothing of the name reaches a header, and the sentence stays short."""
    answer = post(client, {"instances": [[1, 2, 3]]}, path)
    assert (answer.status_code, answer.json["code"]) == (404, code)
    assert "X-Evil" not in answer.headers
    assert len(answer.json["error"]) < 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "PATCH", "HEAD"])
def test_another_method_is_405_with_allow(client: FlaskClient, method: str) -> None:
    """The answer says which methods there are."""
    answer = client.open("/predict/notes", method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_an_unknown_method_is_501(client: FlaskClient) -> None:
    """Also where it only looks like a known one."""
    assert client.open("/predict/notes", method="FOO!").status_code == 501
    answer = client.open("/predict/notes", environ_overrides={"REQUEST_METHOD": "post"})
    assert (answer.status_code, answer.json["code"]) == (501, "NOT_IMPLEMENTED")


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    """By its declared length, before it is read."""
    answer = post(client, b" " * (8 * 2**20 + 1))
    assert (answer.status_code, answer.json["code"]) == (413, "BODY_TOO_LARGE")


def test_an_unfit_query_parameter_is_refused(client: FlaskClient) -> None:
    """`probabilities` knows one value; parameters that nobody knows are ignored."""
    assert (
        post(client, {"instances": [[1, 2, 3]]}, "/predict/shapes?probabilities=some").json["code"] == "BAD_PARAMETER"
    )
    assert post(client, {"instances": [[1, 2, 3]]}, "/predict/shapes?debug=1&x[]=2").status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: Answer(answer.output, "0" * 64),
        lambda answer: Answer(answer.output[:1], answer.digest),
        lambda answer: Answer(answer.output.astype(np.float64), answer.digest),
        lambda answer: Answer(np.full_like(answer.output, np.nan), answer.digest),
        lambda answer: Answer(np.full_like(answer.output, np.inf), answer.digest),
    ],
)
def test_an_answer_that_can_not_be_trusted_is_502(
    steered_client: FlaskClient, steered: SteeredBackend, spoil: Any
) -> None:
    """Another digest, another shape, another type, NaN or an infinity never reach the caller."""
    steered.spoil = lambda served, answer: spoil(answer)
    answer = post(steered_client, {"instances": [[1, 2, 3], [4, 5, 6]]})
    assert (answer.status_code, answer.json["code"]) == (502, "BAD_BACKEND")


def test_an_absent_backend_is_503_with_retry_after(steered_client: FlaskClient, steered: SteeredBackend) -> None:
    """The caller is told when to come again."""
    steered.spoil = lambda served, answer: backend_unavailable(served.name)
    answer = post(steered_client, {"instances": [[1, 2, 3]]})
    assert (answer.status_code, answer.json["code"]) == (503, "MODEL_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"


def test_a_defect_inside_shows_nothing_of_itself(
    steered_client: FlaskClient, steered: SteeredBackend, caplog: Any
) -> None:
    """500 with a fixed sentence; the traceback goes to the log under the same request id."""
    steered.spoil = lambda served, answer: RuntimeError("/secret/path")
    answer = post(steered_client, {"instances": [[1, 2, 3]]})
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert vars(record)["request_id"] == answer.json["request_id"]
