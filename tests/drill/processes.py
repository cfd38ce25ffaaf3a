"""Processes that die or hang under load: TorchServe's worker, its Java process, a gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from service.supervisor.management import Management
from tests.builders import NOTES_ROWS
from tests.callers import Outcome, calling, post
from tests.drill.places import REQUEST, breaker_is_open, registry, seconds_until
from tests.drill.results import Result
from tests.processes import Serving, predict, serving, wait_until

CALLERS = 8
ROWS = [list(row) for row in NOTES_ROWS]


def killed_worker(folder: Path) -> Iterator[Result]:
    """kill -9 of one TorchServe worker of two, then of the other."""
    with serving(registry(folder).root, folder, torchserve_workers="2") as service:
        whole = []
        with calling(lambda: [service.port], REQUEST, CALLERS - 2, 2) as outcome:
            for _ in range(2):
                _warm(outcome)
                (worker, *_) = service.descendants("model_service_worker")
                worker.kill()
                whole.append(seconds_until(partial(_has_ready_workers, service, 2, worker.pid), 30))
    yield Result(
        "kill -9 of a TorchServe worker, 2 workers, twice",
        "0 requests fail; both workers ready in < 6 s",
        f"{len(outcome.failed)} of {len(outcome.answers)} failed; {max(whole):.1f} s",
        not outcome.failed and max(whole) < 6,
    )


def killed_java(folder: Path) -> Iterator[Result]:
    """kill -9 of TorchServe's Java process."""
    with serving(registry(folder).root, folder) as service:
        with calling(lambda: [service.port], REQUEST, CALLERS - 2, 2, pause=0.02) as outcome:
            _warm(outcome)
            (java,) = service.descendants("org.pytorch.serve.ModelServer")
            java.kill()
            seen = seconds_until(lambda: not service.is_ready(), 10)
            back = seconds_until(service.is_ready, 40) + seen
        refused = outcome.seconds(503)
        others = {*outcome.statuses} - {200, 503}
    yield Result(
        "kill -9 of TorchServe's Java process",
        "503 with Retry-After at once (p50 < 100 ms), nothing else; not ready in < 5 s; back in < 15 s",
        f"{len(refused)} × 503, p50 {_ms(refused)} ms, others {others or 'none'}; {seen:.1f} s; {back:.1f} s",
        not others and bool(refused) and refused[len(refused) // 2] < 0.1 and seen < 5 and back < 15,
    )


def killed_gateway(folder: Path) -> Iterator[Result]:
    """kill -9 of one gateway process of two."""
    with (
        serving(registry(folder).root, folder, backend="onnxruntime", gateways="2") as service,
        calling(lambda: [service.port], REQUEST, CALLERS - 2, 2) as outcome,
    ):
        _warm(outcome)
        gateway, _ = service.descendants("service.gateway")
        gateway.kill()
        wait_until(lambda: not gateway.is_running(), 5, "it is gone")
        whole = seconds_until(lambda: len(service.listeners()) == 2, 30)
        _warm(outcome)
    yield Result(
        "kill -9 of a gateway process, 2 gateways",
        f"only what it had in hand fails (≤ {CALLERS}, one for each caller); both listen again in < 3 s",
        f"{len(outcome.failed)} of {len(outcome.answers)} failed; {whole:.1f} s",
        len(outcome.failed) <= CALLERS and whole < 3,
    )


def stopped_worker(folder: Path) -> Iterator[Result]:
    """SIGSTOP of the only TorchServe worker, and SIGCONT before TorchServe would replace it."""
    deadline = 3.0
    request = post("/predict/notes", {"instances": ROWS}, X_Request_Timeout=f"{deadline:g}")
    with serving(registry(folder).root, folder, request_timeout="20") as service:
        (worker,) = service.descendants("model_service_worker")
        assert predict(service.port, "notes", ROWS).status == 200
        worker.suspend()
        with calling(lambda: [service.port], request, 1, 0) as outcome:
            seen = seconds_until(lambda: not service.is_ready(), 20)
            opened = seconds_until(lambda: breaker_is_open(service), 30) + seen
            wait_until(lambda: len(outcome.answers) >= 50, 20, "refusals at once")
        worker.resume()
        healed = seconds_until(service.is_ready, 40)
        answered = predict(service.port, "notes", ROWS).status
    late, at_once = outcome.seconds(504), outcome.seconds(503)
    others = {*outcome.statuses} - {503, 504}
    yield Result(
        f"SIGSTOP of the only TorchServe worker, deadline {deadline:g} s",
        "504 at the deadline + 50 ms; not ready in < 5 s; then the breaker opens: 503 at once (p50 < 20 ms); "
        "heals in < 5 s after SIGCONT",
        f"{len(late)} × 504 after {late[-1]:.2f} s at most, others {others or 'none'}; {seen:.1f} s; open after "
        f"{opened:.1f} s, p50 {_ms(at_once)} ms; {healed:.1f} s",
        not others and late[-1] < deadline + 0.05 and seen < 5 and at_once[len(at_once) // 2] < 0.02 and healed < 5
        and answered == 200,
    )  # fmt: skip


def _warm(outcome: Outcome) -> None:
    asked = len(outcome.answers)
    wait_until(lambda: len(outcome.answers) > asked + 300, 60, "load")


def _ms(ascending: list[float]) -> str:
    return f"{ascending[len(ascending) // 2] * 1000:.0f}" if ascending else "–"


def _has_ready_workers(service: Serving, count: int, dead: int) -> bool:
    """Whether TorchServe itself calls so many workers ready, the dead one not among them."""
    (socket,) = service.folder.glob("mulgam-*/ts/management.sock")
    _, body = Management(socket, 10)._call("GET", "/models/notes")
    workers = json.loads(body)[0]["workers"]
    return sum(worker["status"] == "READY" and worker["pid"] != dead for worker in workers) == count
