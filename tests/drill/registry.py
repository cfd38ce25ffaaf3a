"""What is wrong with the files of a version: refused before traffic, while the version that was served serves on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from mulgam import serving as plan
from mulgam.registry import Registry
from tests import builders
from tests.callers import Outcome, calling
from tests.drill.damage import refusals, sum_again
from tests.drill.places import BACKENDS, REQUEST, registry, seconds_until
from tests.drill.results import Result
from tests.processes import serving, wait_until

SWAPS = 20


def corrupt_while_serving(folder: Path) -> Iterator[Result]:
    """Bytes of the served version change on the disk, then the whole version is replaced by another."""
    store = registry(folder)
    with serving(store.root, folder, backend="onnxruntime") as service:
        digest = store.entry("notes", 1).digest
        with calling(lambda: [service.port], REQUEST) as outcome:
            wait_until(lambda: len(outcome.answers) > 100, 30, "load")
            for file in ("model.onnx", "signature.json"):
                _flip(store.root / "notes" / "1" / file, 100)
            time.sleep(1)
            builders.publish_linear(folder / "other", weights=(9.0, 9.0, 9.0))
            (store.root / "notes" / "1").rename(folder / "away")
            shutil.copytree(folder / "other" / "notes" / "1", store.root / "notes" / "1")
            asked = len(outcome.answers)
            wait_until(lambda: len(outcome.answers) > asked + 100, 30, "more load")
    digests = {answer.headers.get("x-model-digest") for answer in outcome.answers}
    yield Result(
        "files of the served version corrupted, then swapped, while serving",
        "0 requests fail; every answer is of the version that was verified",
        f"{len(outcome.failed)} of {len(outcome.answers)} failed; {len(digests)} digest",
        not outcome.failed and digests == {digest},
    )


def bad_version(folder: Path, backends: Sequence[str] = BACKENDS) -> Iterator[Result]:
    """A new version with whole checksums whose model gives other answers than its golden ones."""
    store = registry(folder)
    plan.write(store, plan.Plan(1, {"notes": plan.Choice(1)}))
    entry = builders.publish_linear(store.root, weights=(0.2, 0.3, 4.0))
    golden = entry.path / "golden.json"
    golden.write_bytes((store.root / "notes" / "1" / "golden.json").read_bytes())
    sum_again(entry.path)
    for backend in backends:
        plan.write(store, plan.Plan(1, {"notes": plan.Choice(1)}))
        yield _refused(folder, store, backend)


def _refused(folder: Path, store: Registry, backend: str) -> Result:
    with (
        serving(store.root, folder, backend=backend) as service,
        calling(lambda: [service.port], REQUEST, pause=0.01) as outcome,
    ):
        wait_until(lambda: len(outcome.answers) > 100, 30, "load")
        plan.promote(store, "notes", 2)
        told = seconds_until(lambda: bool(refusals(service)), 90)
        asked = len(outcome.answers)
        wait_until(lambda: len(outcome.answers) > asked + 100, 30, "more load")
    versions = {answer.json["version"] for answer in outcome.answers if answer.status == 200}
    return Result(
        f"a new version that misses its golden answers, promoted ({backend})",
        "refused, the reason on the admin listener; the old version answers every request",
        f"told after {told:.1f} s; {len(outcome.failed)} of {len(outcome.answers)} failed; versions {versions}",
        told < 90 and not outcome.failed and versions == {1},
    )


def swaps_under_load(folder: Path) -> Iterator[Result]:
    """Two services on one registry, each with its own TorchServe, follow twenty promotions."""
    store = registry(folder)
    plan.write(store, plan.Plan(1, {"notes": plan.Choice(1)}))
    digests = [store.entry("notes", 1).digest, builders.publish_linear(store.root, weights=(0.2, 0.3, 4.0)).digest]
    slowest = 0.0
    for name in ("one", "two"):
        (folder / name).mkdir()
    with (
        serving(store.root, folder / "one") as one,
        serving(store.root, folder / "two") as two,
        calling(lambda: [one.port, two.port], REQUEST, pause=0.01) as outcome,
    ):
        wait_until(lambda: len(outcome.answers) > 100, 60, "load")
        for number in range(SWAPS):
            wanted = 2 - number % 2
            plan.promote(store, "notes", wanted)
            converged = partial(_all, outcome, time.monotonic(), digests[wanted - 1])
            slowest = max(slowest, seconds_until(converged, 60))
    seen = {answer.headers.get("x-model-digest") for answer in outcome.answers if answer.status == 200}
    yield Result(
        f"version swapped {SWAPS} times under load, 2 gateways with a TorchServe each",
        "0 requests fail; every answer's digest one of the two; both converge on each",
        f"{len(outcome.failed)} of {len(outcome.answers)} failed; {len(seen)} digests; slowest {slowest:.1f} s",
        not outcome.failed and seen == {*digests} and slowest < 60,
    )


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _all(outcome: Outcome, since: float, digest: str) -> bool:
    """Whether every caller's last answers are of one version."""
    last = outcome.answers[-16:]
    return (
        len(last) == 16
        and last[0].at > since
        and all(answer.headers.get("x-model-digest") == digest for answer in last)
    )
