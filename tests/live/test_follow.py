"""A running service follows `serving.json`: versions are swapped under load without a failed request."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mulgam import promotion
from mulgam import serving as plan
from mulgam.registry import Registry
from tests.callers import calling, post
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = pytest.mark.live

ROW = [[10, 0, 0]]


@pytest.fixture(params=["onnxruntime", "torchserve"])
def service(request: pytest.FixtureRequest, own_two: Registry, tmp_path: Path) -> Iterator[Serving]:
    """The service over each backend, with two gateways over the quick one."""
    settings = {"backend": request.param, "request_timeout": "4"}
    if request.param == "onnxruntime":
        settings["gateways"] = "2"
    with serving(own_two.root, tmp_path, **settings) as service:
        yield service


def version(service: Serving) -> int:
    """Which version answers; its price must be its own."""
    reply = predict(service.port, "notes", ROW)
    assert reply.status == 200, reply.body
    answered: int = reply.json["version"]
    assert reply.json["predictions"] == pytest.approx([float(answered)], abs=1e-5)
    return answered


def test_versions_are_swapped_under_load_without_a_failed_request(service: Serving, own_two: Registry) -> None:
    """Promote and roll back while four callers ask: every answer is 200, of one of the two versions, whole."""
    digests = {one: own_two.entry("notes", one).digest for one in (1, 2)}
    over = threading.Event()
    failures: list[str] = []
    seen: set[int] = set()

    def caller() -> None:
        while not over.is_set():
            reply = predict(service.port, "notes", ROW)
            if reply.status != 200:
                failures.append(f"{reply.status} {reply.body!r}")
                continue
            answered = reply.json["version"]
            seen.add(answered)
            if reply.headers["x-model-digest"] != digests[answered]:
                failures.append("another digest")
            if abs(reply.json["predictions"][0] - answered) > 1e-5:
                failures.append(f"version {answered} answered {reply.json['predictions']}")

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for one in callers:
        one.start()
    try:
        for wanted, command in ((2, ["promote", "notes", "2"]), (1, ["rollback", "notes"]), (2, ["rollback", "notes"])):
            assert promotion.main([*command, "--registry", str(own_two.root)]) == 0
            wait_until(lambda wanted=wanted: all(version(service) == wanted for _ in range(6)), 30, f"version {wanted}")
    finally:
        over.set()
        for one in callers:
            one.join()
    assert not failures, failures[:3]
    assert seen == {1, 2}


def test_the_admin_listener_tells_what_is_served(service: Serving, own_two: Registry) -> None:
    """Generation, version and digest of what runs now."""
    plan.promote(own_two, "notes", 2)
    wait_until(lambda: version(service) == 2, 30, "the promoted version answers")
    digest = own_two.entry("notes", 2).digest

    def shown() -> bool:
        text = call(service.admin_port, "GET", "/metrics").body.decode()
        return "mulgam_serving_generation 2.0" in text and f'mulgam_model_info{{digest="{digest}",model="notes"' in text

    wait_until(shown, 10, "the metrics name it")


def test_a_damaged_version_is_refused_and_the_old_one_serves_on(service: Serving, own_two: Registry) -> None:
    """Its checksum differs: named on the admin listener, no failed request, and a good one is taken afterwards."""
    model = own_two.root / "notes" / "2" / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    plan.write(own_two, plan.Plan(2, {"notes": plan.Choice(2)}))

    def told() -> bool:
        reply = service.readyz()
        assert reply is not None
        return any("checksum" in why for why in reply.json["refused"].values())

    wait_until(told, 15, "the refusal is told")
    assert version(service) == 1
    model.write_bytes(content)
    plan.write(own_two, plan.Plan(3, {"notes": plan.Choice(2)}))
    wait_until(lambda: version(service) == 2, 30, "the mended version answers")


def test_a_rollback_survives_a_restart(own_two: Registry, tmp_path: Path) -> None:
    """What was decided is what the next start serves."""
    plan.promote(own_two, "notes", 2)
    plan.rollback(own_two, "notes")
    with serving(own_two.root, tmp_path, backend="onnxruntime") as service:
        assert version(service) == 1


def test_a_restarted_gateway_serves_what_was_promoted(own_two: Registry, tmp_path: Path) -> None:
    """kill -9 after a promotion: the new process begins with the promoted version."""
    with serving(own_two.root, tmp_path, backend="onnxruntime", request_timeout="1") as service:
        plan.promote(own_two, "notes", 2)
        wait_until(lambda: version(service) == 2, 15, "the promoted version answers")
        (gateway,) = service.descendants("service.gateway")
        gateway.kill()
        wait_until(lambda: bool(service.descendants("service.gateway")) and not gateway.is_running(), 10, "a new one")
        service.wait_ready(10)
        assert version(service) == 2


def test_the_admin_listener_loads_a_version(service: Serving, own_two: Registry) -> None:
    """V2's model repository extension writes the same file; it answers once the version is served."""
    path = "/v2/repository/models/notes/load"
    assert call(service.admin_port, "POST", path, timeout=60).status == 200
    assert [version(service) for _ in range(4)] == [2] * 4
    assert call(service.admin_port, "POST", path, b'{"parameters": {"version": 1}}', 60).status == 200
    assert [version(service) for _ in range(4)] == [1] * 4
    assert plan.read(own_two).models["notes"] == plan.Choice(1, previous=2)
    assert call(service.port, "POST", path).status == 404  # never on the public port


@pytest.mark.slow
def test_two_services_of_one_registry_converge(own_two: Registry, tmp_path: Path) -> None:
    """Each with a TorchServe of its own, two swaps under load: no request fails, every answer is of one of the two."""
    prices = {own_two.entry("notes", one).digest: float(one) for one in (1, 2)}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with (
        serving(own_two.root, folders[0]) as one,
        serving(own_two.root, folders[1]) as two,
        calling(lambda: [one.port, two.port], post("/predict/notes", {"instances": ROW}), pause=0.01) as outcome,
    ):
        for wanted in (2, 1):
            plan.promote(own_two, "notes", wanted)
            for service in (one, two):
                wait_until(
                    lambda service=service, wanted=wanted: all(version(service) == wanted for _ in range(6)),  # type: ignore[misc]
                    90,
                    f"version {wanted}",
                )
            asked = len(outcome.answers)
            wait_until(lambda asked=asked: len(outcome.answers) > asked + 50, 30, "answers after it")  # type: ignore[misc]
            assert {answer.json["version"] for answer in outcome.answers[-8:]} == {wanted}
    assert outcome.failed == []
    seen = {(answer.headers["x-model-digest"], answer.json["predictions"][0]) for answer in outcome.answers}
    assert {digest for digest, _ in seen} == set(prices)
    assert all(price == pytest.approx(prices[digest], abs=1e-5) for digest, price in seen)


def test_a_table_keeps_its_version(own_two: Registry, tmp_path: Path) -> None:
    """A version that is promoted away stays in TorchServe until the table that began with it has ended."""
    settings = {"backend": "torchserve", "request_timeout": "4", "bulk_batch_rows": "1", "bulk_patience": "60"}
    with serving(own_two.root, tmp_path, **settings) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.putrequest("POST", "/predict/notes")
        connection.putheader("Content-Type", "text/csv")
        connection.putheader("Content-Length", "47")
        connection.endheaders(b"area,rooms,distance\n10,0,0\n20,0,0\n")
        wait_until(lambda: bool(connection.sock.recv(1, socket.MSG_PEEK)), 10, "the first answer")
        plan.promote(own_two, "notes", 2)
        wait_until(lambda: version(service) == 2, 60, "the promoted version answers")
        time.sleep(6)  # beyond the grace of 5 s
        connection.send(b"30,0,0\n40,0,0")
        with contextlib.closing(connection):
            lines = connection.getresponse().read().decode().splitlines()
        assert lines == ["prediction,error", "1.0,", "2.0,", "3.0,", "4.0,"]

        def is_unloaded() -> bool:
            return not list(service.folder.glob("mulgam-*/ts/store/notes-1.mar"))

        wait_until(is_unloaded, 30, "the old version is unloaded then")
