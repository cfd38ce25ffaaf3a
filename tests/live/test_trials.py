"""Canary and shadow of a running service: taken up and ended under load, and never in the default's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mulgam import promotion
from mulgam import serving as plan
from mulgam.registry import Registry
from tests.processes import Serving, call, serving, wait_until

pytestmark = pytest.mark.live

BODY = b'{"instances": [[10, 0, 0]]}'


def command(registry: Registry, *words: str) -> None:
    """One command of `mulgam`, written."""
    assert promotion.main([*words, "--registry", str(registry.root)]) == 0


def answered(service: Serving, key: str) -> int:
    """The version that answers a key; its price must be its own."""
    reply = call(service.port, "POST", "/predict/notes", BODY, x_canary_key=key)
    assert reply.status == 200, reply.body
    version: int = reply.json["version"]
    assert reply.json["predictions"] == pytest.approx([version], abs=1e-4)
    return version


def told(service: Serving) -> Any:
    """What the admin listener says of `notes`."""
    reply = service.readyz()
    return None if reply is None else reply.json["models"]["notes"]


def figure(service: Serving, name: str, **labels: str) -> float:
    """A figure of version 2, from the admin listener."""
    text = call(service.admin_port, "GET", "/metrics").body.decode()
    wanted = {"model": "notes", "version": "2", **labels}
    lines = [line for line in text.splitlines() if line.startswith(name + "{")]
    found = [line for line in lines if all(f'{label}="{value}"' in line for label, value in wanted.items())]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


@contextmanager
def asking(service: Serving) -> Iterator[list[str]]:
    """Three callers with many keys, for the length of a block; what went wrong for them."""
    over = threading.Event()
    failures: list[str] = []

    def caller(name: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            try:
                answered(service, f"{name}-{number % 50}")
            except (AssertionError, OSError) as problem:
                failures.append(repr(problem))

    callers = [threading.Thread(target=caller, args=(name,)) for name in ("a", "b", "c")]
    for one in callers:
        one.start()
    try:
        yield failures
    finally:
        over.set()
        for one in callers:
            one.join()


KEYS = [f"user-{number}" for number in range(16)]


@pytest.mark.parametrize(
    "settings",
    [
        {"backend": "onnxruntime", "gateways": "2"},
        pytest.param({"backend": "torchserve"}, marks=pytest.mark.slow),
    ],
)
def test_a_canary_comes_and_goes_under_load(own_two: Registry, tmp_path: Path, settings: dict[str, str]) -> None:
    """On: both versions answer, each key always by the same, in every gateway; off: the default alone; 0 failed.
    Promoted, it answers everyone."""
    with serving(own_two.root, tmp_path, request_timeout="4", **settings) as service:
        with asking(service) as failures:
            command(own_two, "canary", "notes", "2", "--share", "0.5")
            wait_until(lambda: len({answered(service, key) for key in KEYS}) == 2, 60, "both versions answer")
            wait_until(lambda: (told(service).get("canary") or {}).get("ready") is True, 30, "the canary is told")
            assert told(service)["canary"] == {"version": 2, "share": 0.5, "ready": True, "cause": None}
            first = [answered(service, key) for key in KEYS]
            assert set(first) == {1, 2}
            assert [[answered(service, key) for key in KEYS] for _ in range(3)] == [first] * 3
            command(own_two, "canary", "notes", "--off")
            wait_until(lambda: {answered(service, key) for key in KEYS * 2} == {1}, 30, "the default answers alone")
            wait_until(lambda: "canary" not in told(service), 30, "no canary is told")
            command(own_two, "canary", "notes", "2", "--share", "0.1")
            command(own_two, "promote", "notes")
            wait_until(lambda: {answered(service, key) for key in KEYS * 2} == {2}, 60, "the canary is the default")
        assert failures == []


def test_a_canary_is_there_again_after_a_restart(own_two: Registry, tmp_path: Path) -> None:
    """Of the service, and of a gateway that was killed; one that is damaged by then keeps nothing from starting."""
    command(own_two, "canary", "notes", "2", "--share", "0.5")
    with serving(own_two.root, tmp_path, backend="onnxruntime", request_timeout="1") as service:
        wait_until(lambda: (told(service).get("canary") or {}).get("ready") is True, 15, "the canary is told")
        assert {answered(service, key) for key in KEYS} == {1, 2}
        (own_two.root / "notes" / "2" / "model.onnx").write_bytes(b"")
        (gateway,) = service.descendants("service.gateway")
        gateway.kill()
        wait_until(lambda: bool(service.descendants("service.gateway")) and not gateway.is_running(), 10, "a new one")
        service.wait_ready(10)
        wait_until(lambda: "not the file" in str(told(service)["canary"]["cause"]), 10, "why there is no canary")
        assert {answered(service, key) for key in KEYS} == {1}


def test_a_shadow_is_measured_and_a_broken_one_changes_nothing(own_two: Registry, tmp_path: Path) -> None:
    """A shadow that lies 1 억 원 off disagrees with every answer; one that is damaged is refused."""
    with serving(own_two.root, tmp_path, backend="onnxruntime") as service:
        command(own_two, "shadow", "notes", "2")
        wait_until(lambda: (told(service).get("shadow") or {}).get("ready") is True, 15, "the shadow is told")
        with asking(service) as failures:
            wait_until(
                lambda: figure(service, "mulgam_shadow_requests_total", outcome="disagreed") >= 5, 20, "it disagrees"
            )
        assert failures == []
        assert figure(service, "mulgam_shadow_requests_total", outcome="agreed") == 0
        assert figure(service, "mulgam_shadow_disagreement_sum") > 0
        assert {answered(service, key) for key in KEYS} == {1}
        command(own_two, "shadow", "notes", "--off")
        wait_until(lambda: "shadow" not in told(service), 15, "no shadow is told")
        golden = own_two.root / "notes" / "2" / "golden.json"
        golden.write_text(json.dumps({"format": 1, "requests": []}))
        plan.write(own_two, plan.Plan(9, {"notes": plan.Choice(1, shadow=2)}))
        wait_until(lambda: "notes shadow" in service.readyz().json["refused"], 15, "the refusal is told")  # type: ignore[union-attr]
        assert told(service)["ready"] is True
        assert {answered(service, key) for key in KEYS} == {1}
