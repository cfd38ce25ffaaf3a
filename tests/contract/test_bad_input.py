"""The table of bad inputs in the app alone, as any WSGI server would run it: the answers are those of the edge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask

from mulgam.registry import Registry
from service import wsgi
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import load
from tests.hostile import BODILESS, CASES, publish

# What the server in front answers is its own affair, and so is a body that is not what its length says.
SERVERS_OWN = ("F", "B19", "M08", "M09", "M11b", "B03b", "R25", "T16", "T30", "T31", "T32", "T33")
SEEN = [case for case in CASES if not case[0].startswith(SERVERS_OWN)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app over ONNX Runtime."""
    root = tmp_path_factory.mktemp("registry")
    publish(root)
    bridge = Bridge()
    catalogue = load(Registry(root), {"notes": 1, "strict": 1}, "onnx")
    plane = DataPlane(Settings(), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    yield create_app(plane, bridge)
    bridge.run(plane.backend.close())
    bridge.close()


def environ(data: bytes) -> dict[str, Any]:
    """The environ of a raw request, as a server would make it."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    path, _, query = target.removeprefix("http://other.example").partition("?")
    headers = [(name.lower(), value.strip()) for name, _, value in (one.partition(":") for one in lines)]
    decoded = unquote(path, errors="surrogateescape")
    return wsgi.environ(method, decoded, query, headers, "127.0.0.1:9", "http", body)


@pytest.mark.parametrize(("data", "status", "code"), [case[1:] for case in SEEN], ids=[case[0] for case in SEEN])
def test_the_app_alone_gives_the_same_answer(app: Flask, data: bytes, status: int, code: str | None) -> None:
    """Status and code, without an edge in front."""
    reply = wsgi.run(app, environ(data))
    assert reply.status == status
    if code is BODILESS:
        assert data.startswith(b"HEAD") or reply.body == b""
    elif status != 200:
        assert json.loads(reply.body)["code"] == code
    else:
        assert (code or "").encode() in reply.body
