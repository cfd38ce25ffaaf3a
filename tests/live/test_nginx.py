"""The nginx that SECURITY.md shows, taken from the page as it stands: TLS and limits before a real service."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests import nginx, pages
from tests.processes import ROOT, Reply, Serving, call, free_port, serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.beside,
    pytest.mark.skipif(not nginx.IS_INSTALLED, reason="nginx is not installed (Debian package nginx)"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian package openssl)"),
]

ROW = b'{"instances":[[32,3,0.3]]}'
AT_ONCE = 20
Ask = Callable[..., Reply]


@pytest.fixture(scope="module")
def service(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The service, on loopback as the page wants it, with limits that a test can reach; loading writes its registry."""
    folder = tmp_path_factory.mktemp("serve")
    own = shutil.copytree(registry.root, folder / "registry")
    with serving(own, folder, backend="onnxruntime", max_body_bytes="100000", body_timeout="20") as service:
        yield service


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    found = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=mulgam", "-addext", "subjectAltName=IP:127.0.0.1",
            "-out", str(found[0]), "-keyout", str(found[1]),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return found


@pytest.fixture
def port(service: Serving, certificate: tuple[Path, Path], tmp_path: Path) -> Iterator[int]:
    """A fresh nginx with the page's block, whose limits nobody has used yet; its port."""
    (block,) = pages.blocks((ROOT / "SECURITY.md").read_text(encoding="utf-8"), "nginx")
    port, text = free_port(), block.code
    for shown, used in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server 127.0.0.1:8000", f"server 127.0.0.1:{service.port}"),
        ("/etc/tls/tls.crt", str(certificate[0])),
        ("/etc/tls/tls.key", str(certificate[1])),
    ):
        assert text.count(shown) == 1, f"SECURITY.md has {shown!r} no more, or twice"
        text = text.replace(shown, used)
    with nginx.running(tmp_path, text, port):
        yield port


@pytest.fixture
def connect(port: int, certificate: tuple[Path, Path]) -> Callable[[], http.client.HTTPSConnection]:
    """A connection that trusts this certificate and no other."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    return lambda: http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)


@pytest.fixture
def ask(connect: Callable[[], http.client.HTTPSConnection]) -> Ask:
    """One request over TLS on a connection of its own."""

    def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        with contextlib.closing(connect()) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): one for name, one in headers.items()})
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())

    return ask


def predict(ask: Ask, **headers: str) -> Reply:
    """A prediction through nginx."""
    return ask("POST", "/predict/notes", ROW, content_type="application/json", **headers)


def test_a_prediction_is_answered_over_tls_alone(ask: Ask, port: int) -> None:
    """With the caller's own id; plain HTTP on the same port is refused, and gets nowhere."""
    answer = predict(ask, x_request_id="mine-1", x_forwarded_for="192.0.2.1")
    assert (answer.status, answer.headers["x-request-id"]) == (200, "mine-1")
    assert answer.json["predictions"] == [pytest.approx(5.3)]
    assert len(answer.headers["x-model-digest"]) == 64
    assert len(predict(ask).headers["x-request-id"]) == 16
    assert call(port, "POST", "/predict/notes", ROW, content_type="application/json").status == 400
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="x")


def test_what_belongs_to_the_admin_listener_is_not_reached(ask: Ask, service: Serving) -> None:
    """Metrics are on loopback's public port, so nginx holds them back; causes and loading are not there at all."""
    assert call(service.port, "GET", "/metrics").status == 200
    assert ask("GET", "/metrics").status == 404
    load = "/v2/repository/models/notes/load"
    assert call(service.admin_port, "POST", load, b"{}").status == 200
    assert ask("POST", load, b"{}").status == 404


def test_a_large_body_is_the_gateways_to_refuse(ask: Ask) -> None:
    """In the one shape; a table may be as large as tables may."""
    answer = ask("POST", "/predict/notes", b" " * 200_000, content_type="application/json")
    assert (answer.status, answer.json["code"]) == (413, "BODY_TOO_LARGE")
    table = b"area,rooms,distance\n" + b"32,3,0.3\n" * 300_000
    answer = ask("POST", "/predict/notes", table, content_type="text/csv")
    assert (answer.status, answer.body.count(b"\n")) == (200, 300_001)
    assert ask("POST", "/predict/notes", content_type="text/csv", content_length=str(2**30 + 1)).status == 413


def test_a_caller_that_asks_too_often_is_told_when_to_come_again(
    ask: Ask, connect: Callable[[], http.client.HTTPSConnection]
) -> None:
    """429 with Retry-After in the one shape, whatever address the request claims to come from; then 200 again."""

    def some(number: int) -> set[int]:
        statuses: set[int] = set()
        with contextlib.closing(connect()) as connection:
            while 429 not in statuses and time.monotonic() < end:
                number += 4
                headers = {
                    "Content-Type": "application/json",
                    "X-Forwarded-For": f"192.0.{number // 256}.{number % 256}",
                }
                connection.request("POST", "/predict/notes", ROW, headers)
                reply = connection.getresponse()
                body = reply.read()
                statuses.add(reply.status)
                if reply.status == 429:
                    assert reply.getheader("Retry-After") == "1"
                    assert reply.getheader("Content-Type") == "application/json"
                    assert {"error", "code", "request_id"} == set(json.loads(body))
        return statuses

    end = time.monotonic() + 30
    with ThreadPoolExecutor(4) as threads:
        assert set().union(*threads.map(some, range(4))) == {200, 429}
    time.sleep(1)
    assert predict(ask).status == 200


def test_one_caller_has_so_many_requests_under_way(
    ask: Ask, connect: Callable[[], http.client.HTTPSConnection]
) -> None:
    """One more is a 429 while the others wait; when they are gone there is room again."""
    with contextlib.ExitStack() as stack:
        for _ in range(AT_ONCE):
            connection = stack.enter_context(contextlib.closing(connect()))
            connection.putrequest("POST", "/predict/notes")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", "100")
            connection.endheaders(b'{"instances":')
        deadline = time.monotonic() + 10
        while (answer := predict(ask)).status == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (answer.status, answer.json["code"]) == (429, "TOO_MANY_REQUESTS")
    deadline = time.monotonic() + 10
    while (answer := predict(ask)).status == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.status == 200
