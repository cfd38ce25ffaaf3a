"""Gateway processes that hang or are killed, over the in-process backend: how soon it is told, and what heals it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.processes import call, predict, serving, wait_until

pytestmark = pytest.mark.live

ROWS = [list(row) for row in NOTES_ROWS]


def test_a_frozen_gateway_is_found_out(registry: Registry, tmp_path: Path) -> None:
    """SIGSTOP of the gateway: the admin listener answers, not ready within 5 s; ready again after SIGCONT."""
    with serving(registry.root, tmp_path, backend="onnxruntime") as service:
        (gateway,) = service.descendants("service.gateway")
        gateway.suspend()
        wait_until(lambda: not service.is_ready(), 5, "readiness tells the truth")
        reply = service.readyz()
        assert reply is not None
        assert reply.json["models"]["notes"]["cause"] == "the gateway process is not answering"
        gateway.resume()
        service.wait_ready(5)


def test_a_hung_gateway_is_replaced(registry: Registry, tmp_path: Path) -> None:
    """SIGSTOP for good: within 20 s it is killed and another one answers."""
    with serving(registry.root, tmp_path, backend="onnxruntime") as service:
        (gateway,) = service.descendants("service.gateway")
        gateway.suspend()
        wait_until(lambda: not gateway.is_running(), 20, "the hung process is killed")
        service.wait_ready(10)
        assert predict(service.port, "notes", ROWS).status == 200


def test_two_gateways_share_the_port_and_the_counters(registry: Registry, tmp_path: Path) -> None:
    """Both answer; what they count adds up on the admin listener; when one is killed the other carries on."""
    with serving(registry.root, tmp_path, backend="onnxruntime", gateways="2") as service:
        first, second = service.descendants("service.gateway")
        for _ in range(40):
            assert predict(service.port, "notes", ROWS).status == 200

        def counted() -> bool:
            text = call(service.admin_port, "GET", "/metrics").body.decode()
            return 'mulgam_requests_total{code="200",model="notes",protocol="json",version="1"} 40.0' in text

        wait_until(counted, 3, "the counters of both add up")
        first.kill()
        wait_until(lambda: not first.is_running(), 5, "its listener is gone")

        def started_anew() -> bool:
            """Asked all the while: no connection is lost to a listener that is only being opened."""
            assert predict(service.port, "notes", ROWS).status == 200
            return len(service.listeners()) == 2

        wait_until(started_anew, 15, "it is started anew")
        assert second.is_running()
