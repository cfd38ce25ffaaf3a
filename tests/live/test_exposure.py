"""What a stranger on the network meets: which ports are open, what a key opens, and what his bytes leave behind."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mulgam.registry import Registry
from service.settings import is_loopback
from tests.live.test_serve_embedded import refused, start
from tests.processes import Serving, call, free_port, serving, wait_until

pytestmark = pytest.mark.live

OLD, NEW = "old-key-0123456789abcdef", "new-key-0123456789abcdef"
ROW = b'{"instances":[[32,3,0.3]]}'
HOSTILE = 10_000


@pytest.fixture(scope="module")
def grpc_port() -> int:
    """A port for V2 over gRPC."""
    return free_port()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service's temporary files and its keys lie."""
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def service(registry: Registry, folder: Path, grpc_port: int) -> Iterator[Serving]:
    """A service with keys on every address of the machine."""
    (folder / "keys").write_text(f"# callers\n{OLD}\n")
    settings = {"host": "0.0.0.0", "grpc_port": str(grpc_port), "api_keys_file": str(folder / "keys")}
    with serving(registry.root, folder, backend="onnxruntime", **settings) as service:
        yield service


def listening(service: Serving) -> tuple[set[int], set[int]]:
    """The ports on which these processes take connections, as `ss -ltn` shows them: from others, from here alone."""
    processes = [psutil.Process(service.process.pid), *service.descendants()]
    sockets = [one for process in processes for one in process.net_connections("tcp")]
    found = [one.laddr for one in sockets if one.status == psutil.CONN_LISTEN]
    inner = {one.port for one in found if is_loopback(one.ip.removeprefix("::ffff:"))}
    return {one.port for one in found} - inner, inner


def test_only_the_public_ports_are_open_to_others(service: Serving, grpc_port: int) -> None:
    """HTTP and gRPC on the address that was asked for, the admin listener on loopback; nothing else listens."""
    assert listening(service) == ({service.port, grpc_port}, {service.admin_port})


@pytest.mark.beside
def test_torchserve_is_reached_from_this_machine_alone(registry: Registry, tmp_path: Path) -> None:
    """Its HTTP is on Unix sockets; its gRPC, which has no off switch, is on loopback and asks for a key."""
    with serving(registry.root, tmp_path, host="0.0.0.0") as service:
        assert service.descendants("java")
        outer, inner = listening(service)
        assert outer == {service.port}
        assert service.admin_port in inner
        assert len(inner) == 3


def test_a_key_opens_and_its_rotation_needs_no_restart(service: Serving, folder: Path) -> None:
    """401 without it; a new key counts within two seconds, and the old one no more once it is gone."""

    def status(key: str | None) -> int:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return call(service.port, "POST", "/predict/notes", ROW, content_type="application/json", **headers).status

    assert [status(None), status(NEW), status(OLD)] == [401, 401, 200]
    (folder / "keys").write_text(f"{OLD}\n{NEW}\n")
    wait_until(lambda: status(NEW) == 200, 2, "the new key opens")
    (folder / "keys").write_text(f"{NEW}\n")
    wait_until(lambda: status(OLD) == 401, 2, "the old key does not open any more")
    (folder / "keys").write_text(f"{OLD}\n")
    wait_until(lambda: status(OLD) == 200, 2, "it is as it was")
    assert call(service.admin_port, "GET", "/readyz").status == 200
    assert not re.search(f"{OLD}|{NEW}", service.output() + call(service.admin_port, "GET", "/metrics").body.decode())


@pytest.mark.beside
@pytest.mark.parametrize("content", [None, "", "short\n"])
def test_a_bad_file_of_keys_keeps_it_from_starting(registry: Registry, tmp_path: Path, content: str | None) -> None:
    """Open by mistake is worse than not there: one sentence, exit status 1."""
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    settings = {"MULGAM_BACKEND": "onnxruntime", "MULGAM_API_KEYS_FILE": str(path)}
    assert str(path) in refused(start(registry.root, **settings))


@pytest.mark.beside
@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_a_service_for_others_without_a_key_is_warned_of(
    registry: Registry, tmp_path: Path, host: str, warned: bool
) -> None:
    """In the log of the start, where HOST is not loopback."""
    with serving(registry.root, tmp_path, backend="onnxruntime", host=host) as service:
        assert ("no MULGAM_API_KEYS_FILE is set" in service.output()) is warned


def test_no_answer_lets_another_site_read_it(service: Serving) -> None:
    """No Access-Control-* header, not to a preflight either; types are not guessed, answers not stored."""
    origin = {"origin": "https://other.example", "access-control-request-method": "POST", "x_api_key": OLD}
    for method, path in (("OPTIONS", "/predict/notes"), ("POST", "/predict/notes"), ("GET", "/models"), ("GET", "/no")):
        answer = call(service.port, method, path, ROW if method == "POST" else None, **origin)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


def hostile_request(number: int) -> bytes:
    """Another name, method, header and id each time, with what might break a line of a log."""
    method = f"M{number}" if number % 3 == 0 else "POST"
    path = f"/predict/notes{number}%0d%0a%1b[31mforged%00" if number % 2 else f"/v2/models/m{number}/infer"
    key = OLD if number % 5 else f"{number}-not-a-key-0123456789"
    return (
        f"{method} {path}?p{number}=1 HTTP/1.1\r\nHost: h{number}\r\nX-Request-Id: id\x85\xa0{number}\r\n"
        f"X-Api-Key: {key}\r\nX-Label-{number}: {number}\r\nContent-Type: application/json\r\n"
        f"traceparent: 00-{number}\r\nContent-Length: {len(ROW)}\r\n\r\n"
    ).encode("latin-1") + ROW


def series(service: Serving) -> set[str]:
    """The names and labels of what Prometheus would store."""
    text = call(service.admin_port, "GET", "/metrics").body.decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def send(service: Serving, numbers: range) -> None:
    """Requests on connections that are kept while the service keeps them."""
    waiting = list(numbers)
    while waiting:
        with (
            socket.create_connection(("127.0.0.1", service.port), 10) as connection,
            connection.makefile("rb") as reader,
        ):
            while waiting:
                connection.sendall(hostile_request(waiting.pop()))
                assert reader.readline().startswith((b"HTTP/1.1 401", b"HTTP/1.1 404", b"HTTP/1.1 501"))
                head = b"".join(iter(reader.readline, b"\r\n"))
                reader.read(int(re.findall(rb"content-length: (\d+)", head)[0]))
                if b"connection: close" in head:
                    break


@pytest.mark.slow
def test_names_of_callers_make_no_series_and_no_line_of_the_log(service: Serving) -> None:
    """10,000 names, methods, headers and ids: the series are those of before, each line of the log is one object."""
    send(service, range(30))
    before = series(service)
    send(service, range(30, HOSTILE))
    assert series(service) == before
    wait_until(lambda: told(service) >= HOSTILE, 5, "every refusal is in the log, with a line or counted in one")
    for line in service.output().splitlines():
        assert line.isprintable()
        if "forged" in line:
            assert json.loads(line)["logger"].startswith("service.")


def told(service: Serving) -> int:
    """The refusals that the log tells of."""
    lines = (json.loads(line) for line in service.output().splitlines() if '"refused: ' in line)
    return sum(line.get("count", 1) for line in lines)
