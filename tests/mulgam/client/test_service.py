"""The client and a real service: the answers are those of plain HTTP, bit by bit."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mulgam import serving as plans
from mulgam.client import Client, RequestError
from mulgam.registry import Registry
from tests.processes import Serving, call, serving, wait_until

pytestmark = [pytest.mark.live, pytest.mark.beside]

KEY = "a-key-of-this-test"  # pragma: allowlist secret
ROWS = np.random.default_rng(5).normal(size=(700, 3)).round(3)


@pytest.fixture(scope="module")
def two_versions(two_versions: Registry, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A copy of its own: what is served changes here."""
    return Registry(Path(shutil.copytree(two_versions.root, tmp_path_factory.mktemp("own") / "registry")))


@pytest.fixture(scope="module")
def service(two_versions: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service with small limits that wants a key."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "keys").write_text(KEY + "\n")
    plans.promote(two_versions, "notes", 1)
    with serving(
        two_versions.root, folder, backend="onnxruntime", api_keys_file=str(folder / "keys"), max_rows="300"
    ) as running:
        yield running


@pytest.fixture
def client(service: Serving) -> Iterator[Client]:
    """A client of it."""
    with Client(f"http://127.0.0.1:{service.port}", api_key=KEY, rows_per_request=256) as one:
        yield one


def over_http(service: Serving, model: str, rows: Any, query: str = "") -> Any:
    """The predictions of plain HTTP, by the one request that a row each takes."""
    body = json.dumps({"instances": rows}).encode()
    reply = call(service.port, "POST", f"/predict/{model}{query}", body, content_type="application/json", x_api_key=KEY)
    assert reply.status == 200, reply.body
    return reply.json["predictions"]


FIELDS = ("area", "rooms", "distance")
FRAME = pd.DataFrame(ROWS, columns=FIELDS, index=range(1000, 1700))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        ROWS.tolist(),
        {name: ROWS[:, column] for column, name in enumerate(FIELDS)},
        [dict(zip(FIELDS, row, strict=True)) for row in ROWS.tolist()],
        FRAME[["distance", "area", "rooms"]],
        FRAME.astype(object),
    ],
    ids=["array", "lists", "columns", "objects", "frame", "objects' frame"],
)
def test_answers_are_those_of_plain_http(service: Serving, client: Client, rows: Any) -> None:
    """In the order of the rows, though they went in several requests at a time; binary or not."""
    wanted = [
        value
        for start in range(0, 700, 100)
        for value in over_http(service, "notes", ROWS[start : start + 100].tolist())
    ]
    found = client.predict("notes", rows)
    assert found.dtype == np.float32
    assert np.asarray(found).tobytes() == np.array(wanted, dtype=np.float32).tobytes()
    if isinstance(rows, pd.DataFrame):
        assert list(found.index) == list(rows.index)


def test_classes_and_their_probabilities(service: Serving, client: Client) -> None:
    """Labels, and a column for each class; by JSON and by tensors the same."""
    plain = over_http(service, "shapes", ROWS[:50].tolist(), "?probabilities=all")
    frame = pd.DataFrame(ROWS[:50], columns=["width", "height", "depth"])
    for rows in (ROWS[:50], ROWS[:50].tolist(), frame):
        assert list(client.predict("shapes", rows)) == [one["label"] for one in plain]
    classes = client.signature("shapes").target.classes
    wanted = np.array([[one["probabilities"][label] for label in classes] for one in plain], dtype=np.float32)
    assert client.predict_proba("shapes", ROWS[:50]).tobytes() == wanted.tobytes()
    assert client.predict_proba("shapes", ROWS[:50].tolist()).tobytes() == wanted.tobytes()
    found = client.predict_proba("shapes", frame)
    assert tuple(found.columns) == classes
    assert found.to_numpy().tobytes() == wanted.tobytes()
    with pytest.raises(RequestError, match="no classifier"):
        client.predict_proba("notes", ROWS[:1])


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_refused_row_is_named_by_its_place_in_the_table(client: Client, as_frame: bool) -> None:
    """Not in the request that it went in; with what the service said of it."""
    rows: list[list[Any]] = ROWS.tolist()
    rows[513][1] = "three"
    given = pd.DataFrame(rows, columns=FIELDS) if as_frame else rows
    with pytest.raises(RequestError, match=r"instances\[513\]\.rooms must be a number or null, not a string") as caught:
        client.predict("notes", given, request_id="mine")
    problem = caught.value
    assert (problem.code, problem.field, problem.status) == ("WRONG_TYPE", "instances[513].rooms", 400)
    assert problem.request_id == "mine-2"


def test_what_is_too_much_for_one_request_goes_in_halves(service: Serving) -> None:
    """The service's own limit counts, whatever the client was told."""
    client = Client(f"http://127.0.0.1:{service.port}", api_key=KEY, rows_per_request=10_000)
    assert client.predict("notes", ROWS).tobytes() == client.predict("notes", ROWS.tolist()).tobytes()
    with pytest.raises(RequestError, match=r"instances\[513\]"):
        client.predict("notes", [[None, None, "x" if row == 513 else 1] for row in range(700)])


def test_without_rows_there_is_nothing_to_ask(client: Client) -> None:
    """An empty table has an empty answer of the right kind."""
    assert client.predict("notes", []).shape == (0,)
    assert client.predict("shapes", FRAME[:0]).dtype.kind in "UOT"
    assert client.predict_proba("shapes", []).shape == (0, 3)


def test_a_version_may_be_asked_for(service: Serving, client: Client) -> None:
    """By number, as the path has it; one that is not served is refused."""
    with pytest.raises(RequestError, match="version") as caught:
        client.predict("notes", ROWS[:1], version=7)
    assert caught.value.code == "UNKNOWN_VERSION"


def test_another_version_that_answers_is_noticed(service: Serving, two_versions: Registry, client: Client) -> None:
    """The columns were ordered for the old one: what went as tensors is asked again by name."""
    before = client.predict("notes", FRAME)
    plans.promote(two_versions, "notes", 2)
    try:
        wait_until(lambda: bool(client.models()[0].version == 2), 30, "version 2 is served")
        after = client.predict("notes", FRAME)
        assert (after - before).to_numpy() == pytest.approx(0.1 * ROWS[:, 0], abs=1e-4)
        assert client.ask("notes", [[1, 1, 1]]).version == 2
        # It allows no missing values, and tensors know no names: the row and the column are named all the same.
        lacking = FRAME.copy()
        lacking.iloc[600, 1] = None
        with pytest.raises(RequestError, match=r"instances\[600\]\.rooms must be a number, not null"):
            client.predict("notes", lacking)
    finally:
        plans.rollback(two_versions, "notes")
        wait_until(lambda: bool(client.models()[0].version == 1), 30, "version 1 is served again")


def test_what_is_served_is_told(service: Serving, client: Client, two_versions: Registry) -> None:
    """Models, signature, readiness."""
    notes, shapes = client.models()
    assert (notes.name, notes.version, notes.task, notes.ready) == ("notes", 1, "regression", True)
    assert shapes.digest == two_versions.entry("shapes", 1).digest
    assert client.signature("notes") == two_versions.entry("notes", 1).signature
    assert client.ready()
    assert client.ready("notes")
    assert not client.ready("nothing")
    with pytest.raises(RequestError, match="nothing") as caught:
        client.signature("nothing")
    assert caught.value.code == "UNKNOWN_MODEL"


def test_without_the_key_nothing_is_told(service: Serving) -> None:
    """And the key stands in no text of the client."""
    with pytest.raises(RequestError) as caught:
        Client(f"http://127.0.0.1:{service.port}").models()
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
    assert KEY not in repr(Client("http://127.0.0.1:1", api_key=KEY))


def test_an_answer_tells_which_files_computed_it(client: Client, two_versions: Registry) -> None:
    """And its values are those of JSON."""
    answer = client.ask("shapes", [[1, 0, 1]], probabilities=True)
    assert answer.digest == two_versions.entry("shapes", 1).digest
    assert set(answer.predictions[0]) == {"label", "probability", "probabilities"}
    assert answer.request_id


def test_connections_are_kept_and_not_shared_with_a_fork(service: Serving, client: Client) -> None:
    """One connection for one request after the other; a forked process opens its own."""
    client.predict("notes", ROWS[:1])
    idle = client._connections._idle
    assert len(idle) == 1
    (kept,) = idle
    client.predict("notes", ROWS[:1])
    assert client._connections._idle == [kept]
    client._connections._process = os.getpid() + 1
    client.predict("notes", ROWS[:1])
    assert kept not in client._connections._idle
