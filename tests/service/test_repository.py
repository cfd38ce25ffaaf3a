"""`load` and `unload` of V2's model repository extension: they write `serving.json` and wait for the outcome."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from mulgam import serving
from mulgam.registry import Registry
from service.settings import Settings
from service.supervisor.admin import create_admin_app
from service.supervisor.overview import Overview
from tests import builders

LOAD = "/v2/repository/models/notes/load"


@pytest.fixture
def two_versions(own_registry: Registry) -> Registry:
    """`notes` in two versions."""
    builders.publish_linear(own_registry.root, weights=(0.2, 0.3, 4.0))
    return own_registry


@pytest.fixture
def overview() -> Overview:
    """A service that was started."""
    return Overview(("notes", "shapes"), grace=60.0, started=True)


@pytest.fixture
def client(overview: Overview, two_versions: Registry) -> FlaskClient:
    """Flask's client on the admin app, impatient."""
    settings = Settings(registry=two_versions.root, startup_timeout=1.0)
    return create_admin_app(overview, settings).test_client()


@contextmanager
def following(overview: Overview, registry: Registry, refused: dict[str, str] | None = None) -> Iterator[None]:
    """What the supervisor does with a change, or why not."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(0.01):
            generation = serving.read(registry).generation
            if generation > overview.followed:
                overview.refused = refused or {}
                overview.followed = generation

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (None, 2),
        ({}, 2),
        ({"parameters": {}}, 2),
        ({"parameters": {"version": 1}}, 1),
        ({"parameters": {"version": "1"}}, 1),
    ],
)
def test_a_version_is_loaded(
    client: FlaskClient, overview: Overview, two_versions: Registry, body: Any, version: int
) -> None:
    """The one that the body names, else the highest; the answer comes once it is served."""
    with following(overview, two_versions):
        answer = client.post(LOAD, data=None if body is None else json.dumps(body))
    assert (answer.status_code, answer.json) == (200, {"name": "notes", "version": str(version), "state": "READY"})
    assert serving.read(two_versions).models["notes"].default == version


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (LOAD, b"{", 400, "BAD_JSON"),
        (LOAD, b"[]", 400, "BAD_PARAMETER"),
        (LOAD, b'{"version": 1}', 400, "BAD_PARAMETER"),
        (LOAD, b'{"parameters": {"version": true}}', 400, "BAD_PARAMETER"),
        (LOAD, b'{"parameters": {"version": -1}}', 400, "BAD_PARAMETER"),
        (LOAD, b'{"parameters": {"config": "{}"}}', 400, "BAD_PARAMETER"),
        (LOAD, b'{"parameters": {"version": 9}}', 400, "VERSION_REFUSED"),
        ("/v2/repository/models/nope/load", b"", 404, "UNKNOWN_MODEL"),
        ("/v2/repository/models/../load", b"", 404, "UNKNOWN_MODEL"),
        ("/v2/repository/models/notes/unload", b"", 400, "NOT_UNLOADABLE"),
        ("/v2/repository/models/nope/unload", b"", 404, "UNKNOWN_MODEL"),
    ],
)
def test_what_is_wrong_changes_nothing(
    client: FlaskClient, two_versions: Registry, path: str, body: bytes, status: int, code: str
) -> None:
    """4xx in V2's shape, and no `serving.json`."""
    answer = client.post(path, data=body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert isinstance(answer.json["error"], str)
    assert not (two_versions.root / serving.FILE_NAME).exists()


@pytest.mark.parametrize("header", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_web_page_can_change_nothing(client: FlaskClient, two_versions: Registry, header: dict[str, str]) -> None:
    """An operator's browser reaches loopback, and any page may have it send a POST."""
    answer = client.post(LOAD, headers=header)
    assert (answer.status_code, answer.json["code"]) == (403, "CROSS_ORIGIN")
    assert not (two_versions.root / serving.FILE_NAME).exists()


@pytest.mark.parametrize("where", ["notes", serving.FILE_NAME])
def test_a_refused_version_is_told(client: FlaskClient, overview: Overview, two_versions: Registry, where: str) -> None:
    """With the reason, whoever has found it: a gateway or TorchServe."""
    with following(overview, two_versions, {where: "its golden requests are not answered rightly"}):
        answer = client.post(LOAD)
    assert (answer.status_code, answer.json["code"]) == (400, "VERSION_REFUSED")
    assert "golden requests" in answer.json["error"]


def test_one_load_at_a_time_and_not_for_ever(client: FlaskClient, overview: Overview) -> None:
    """The listener's threads are there for the probes."""
    began = time.monotonic()
    statuses: list[int] = []
    first = threading.Thread(target=lambda: statuses.append(client.application.test_client().post(LOAD).status_code))
    first.start()
    time.sleep(0.3)
    answer = client.post(LOAD)
    assert (answer.status_code, answer.json["code"]) == (409, "LOADING")
    first.join()
    assert statuses == [504]
    assert time.monotonic() - began >= 1.0
