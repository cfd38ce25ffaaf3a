"""A backend that answers late, wrongly or not at all: a V2 server of our own behind the `oip` backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.callers import calling
from tests.drill.places import REQUEST, registry, seconds_until
from tests.drill.results import Result
from tests.drill.v2_server import V2Server, http, v2_server
from tests.processes import serving, wait_until

DEADLINE = 3.0
RIGHT = [5.3, 6.2, 6.8]


def _slow(server: V2Server) -> None:
    server.delay = 60.0


def _garbage(server: V2Server) -> None:
    server.spoil = lambda answer: b"\x00\xffnothing like HTTP\r\n\r\n" * 10


def _no_v2(server: V2Server) -> None:
    server.spoil = lambda answer: http(b'{"outputs": "none"}')


def _truncated(server: V2Server) -> None:
    server.spoil = lambda answer: answer[:-10]


def _broken_off(server: V2Server) -> None:
    server.spoil = lambda answer: b""


def _wrong_shape(server: V2Server) -> None:
    server.spoil = lambda answer: http(
        b'{"outputs": [{"name": "prediction", "datatype": "FP32", "shape": [1], "data": [5.3]}]}'
        if b'"shape": [3]' in answer
        else b'{"outputs": [{"name": "prediction", "datatype": "FP32", "shape": [2, 1], "data": [5.3, 1.0]}]}'
    )


def _wrong_values(server: V2Server) -> None:
    server.spoil = lambda answer: http(answer.partition(b"\r\n\r\n")[2].replace(b'"data": [', b'"data": [1'))


# What is wrong -> how it is brought about, and what callers may get.
FAULTS: dict[str, tuple[Callable[[V2Server], None], set[int]]] = {
    "slow": (_slow, {503, 504}),
    "garbage": (_garbage, {502, 503}),
    "HTTP, but no V2": (_no_v2, {502, 503}),
    "truncated": (_truncated, {502, 503}),
    "connections break": (_broken_off, {503}),
    "wrong shape": (_wrong_shape, {502, 503}),
    "wrong values": (_wrong_values, {503}),
}


def faulty_backend(folder: Path, names: tuple[str, ...] = tuple(FAULTS), slack: float = 1.0) -> Iterator[Result]:
    """Each fault for some seconds under load, then a healthy server again."""
    with v2_server() as server:
        settings = {"backend": "oip", "oip_url": f"http://127.0.0.1:{server.port}", "oip_tensors": "json"}
        settings |= {"request_timeout": str(DEADLINE), "runtime": "onnx"}
        with serving(registry(folder).root, folder, **settings) as service:
            for name in names:
                inject, allowed = FAULTS[name]
                with calling(lambda: [service.port], REQUEST, 3, 1, pause=0.02) as outcome:
                    wait_until(lambda outcome=outcome: len(outcome.answers) > 20, 30, "load")
                    inject(server)
                    seen = seconds_until(lambda: not service.is_ready(), 20 * slack)
                    time.sleep(0.5)
                    server.delay, server.spoil = 0.0, lambda answer: answer
                    healed = seconds_until(service.is_ready, 20 * slack)
                statuses = {status for status in outcome.statuses if status != 200}
                wrong = sum(_is_wrong(answer.json["predictions"]) for answer in outcome.answers if answer.status == 200)
                # Until the replay has found them out, values that look right can't be told from right ones.
                passed = wrong == 0 or name == "wrong values"
                yield Result(
                    f"backend: {name}",
                    f"only {' or '.join(map(str, sorted(allowed)))}, never a wrong 200"
                    f"{' once it is found out' if name == 'wrong values' else ''}; "
                    "not ready in < 5 s; heals in < 5 s",
                    f"{', '.join(map(str, sorted(statuses))) or 'all 200'}; {wrong} wrong 200; {seen:.1f} s; "
                    f"{healed:.1f} s",
                    statuses <= allowed and passed and seen < 5 * slack and healed < 5 * slack,
                )


def _is_wrong(predictions: list[float]) -> bool:
    return any(abs(one - right) > 1e-4 for one, right in zip(predictions, RIGHT, strict=True))
