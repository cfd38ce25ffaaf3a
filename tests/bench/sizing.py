"""`python -m tests.bench.sizing`: what docs/sizing.md reckons with: memory and CPU time of each kind of process.

CPU time for a request says little of how busy the machine is with other things; memory nothing.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mulgam.registry import Registry
from tests.bench.load import Request, drive
from tests.bench.model import as_json, draw, publish
from tests.processes import Serving

# A word of the command line -> what the process is; the first that fits.
ROLES = (("ModelServer", "Java"), ("model_service_worker", "workers"), ("service.gateway", "gateway"))
SECONDS = 5
CONNECTIONS = 64


@dataclass(frozen=True)
class Case:
    """One service to measure; `remote`: a gateway (oip) before it, which is measured as well."""

    title: str
    settings: dict[str, str]
    models: int = 1
    remote: bool = False


CASES = (
    Case("onnxruntime, 1 model", {"backend": "onnxruntime"}),
    Case("onnxruntime, 50 models", {"backend": "onnxruntime"}, models=50),
    Case("torchserve (torchscript), 1 model", {"backend": "torchserve"}),
    Case("torchserve (onnx), 1 model", {"backend": "torchserve", "runtime": "onnx"}),
    Case("torchserve (torchscript), 10 models", {"backend": "torchserve"}, models=10),
    Case("torchserve, 1 model, gateway apart", {"backend": "torchserve", "linger": "30"}, remote=True),
)


def copies(folder: Path, count: int) -> Registry:
    """A registry with one model under so many names."""
    made = publish("mlp", folder)
    registry = Registry(made.registry)
    first = registry.entry("mlp", 1)
    for number in range(1, count):
        with registry.staging() as staged:
            for path in first.path.iterdir():
                if path.name != "SHA256SUMS":
                    shutil.copyfile(path, staged / path.name)
            document = json.loads((staged / "signature.json").read_text())
            document["model"] = f"mlp{number}"
            (staged / "signature.json").write_text(json.dumps(document))
            registry.publish(staged, f"mlp{number}")
    return registry


def members(service: Serving) -> list[tuple[str, psutil.Process]]:
    """Role and process of all that a service consists of."""
    found = []
    for one in (psutil.Process(service.process.pid), *service.descendants()):
        words = " ".join(one.cmdline())
        found.append((next((role for word, role in ROLES if word in words), "supervisor"), one))
    return found


def memory(service: Serving) -> Counter[str]:
    """MB by role: PSS, which counts shared pages once."""
    total: Counter[str] = Counter()
    for role, one in members(service):
        total[role] += round(one.memory_full_info().pss / 1e6)
    return total


def cpu(service: Serving) -> Counter[str]:
    """Seconds by role, so far."""
    total: Counter[str] = Counter()
    for role, one in members(service):
        times = one.cpu_times()
        total[role] += times.user + times.system  # type: ignore[assignment]
    return total


@contextlib.contextmanager
def started(registry: Registry, folder: Path, **settings: str) -> Iterator[Serving]:
    """A ready service, however long its many workers take."""
    service = Serving(registry.root, folder, startup_timeout="600", **settings)
    try:
        service.wait_ready(600)
        yield service
    finally:
        service.kill()


def measure(case: Case, folder: Path) -> list[str]:
    """The rows of the table for one case."""
    registry = copies(folder, case.models)
    requests = Request(
        "/predict/mlp", {"Content-Type": "application/json"},
        [json.dumps({"instances": as_json(draw(1, seed))}).encode() for seed in range(64)],
    )  # fmt: skip
    with started(registry, folder, **case.settings) as service:
        if not case.remote:
            return _measured(case.title, service, requests)
        (folder / "near").mkdir()
        near = {"backend": "oip", "oip_url": f"http://127.0.0.1:{service.port}", "oip_versions": "ours"}
        with started(registry, folder / "near", **near) as gateway:
            return _measured(case.title, gateway, requests, behind=service)


def _measured(title: str, service: Serving, requests: Request, behind: Serving | None = None) -> list[str]:
    services = [service, *([behind] if behind is not None else [])]
    drive(service.port, requests, CONNECTIONS, 2, None)  # warm
    idle = [memory(one) for one in services]
    before = [cpu(one) for one in services]
    driven = drive(service.port, requests, CONNECTIONS, SECONDS, None)
    after, loaded = [cpu(one) for one in services], [memory(one) for one in services]
    rows = []
    for place, name in enumerate([title, f"{title}: the server"][: len(services)]):
        each = {
            role: f"{idle[place][role]} → {loaded[place][role]}, "
            f"{(after[place][role] - before[place][role]) / driven.requests * 1e6:.0f} µs"
            for role in ("supervisor", "gateway", "Java", "workers")
            if idle[place][role]
        }
        cells = " | ".join(each.get(role, "–") for role in ("supervisor", "gateway", "Java", "workers"))
        rows.append(f"| {name} | {cells} | {driven.requests} in {driven.seconds:.0f} s, {driven.failed} failed |")
    return rows


def main(arguments: Sequence[str]) -> int:
    """Print the table; words on the command line choose cases by what their titles hold."""
    print("| case | supervisor | gateway | Java | workers | requests |\n|---|---|---|---|---|---|", flush=True)
    for case in CASES:
        if all(word in case.title for word in arguments):
            with tempfile.TemporaryDirectory(prefix="s-") as folder:
                print("\n".join(measure(case, Path(folder))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
