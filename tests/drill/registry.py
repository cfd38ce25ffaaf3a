"""What is wrong with the files of a version: refused before traffic, while the version that was served serves on."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mulgam import serving as plan
from mulgam.errors import RegistryError
from mulgam.registry import Registry
from tests import builders
from tests.callers import Outcome, calling
from tests.drill.places import REQUEST, registry, seconds_until
from tests.drill.results import Result
from tests.processes import Serving, serving, wait_until

FLIPS = 1000
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


def bad_version(folder: Path) -> Iterator[Result]:
    """A new version with whole checksums whose model gives other answers than its golden ones."""
    store = registry(folder)
    plan.write(store, plan.Plan(1, {"notes": plan.Choice(1)}))
    entry = builders.publish_linear(store.root, weights=(0.2, 0.3, 4.0))
    golden = entry.path / "golden.json"
    golden.write_bytes((store.root / "notes" / "1" / "golden.json").read_bytes())
    _sum_again(entry.path)
    for backend in ("onnxruntime", "torchserve"):
        plan.write(store, plan.Plan(1, {"notes": plan.Choice(1)}))
        yield _refused(folder, store, backend)


def _refused(folder: Path, store: Registry, backend: str) -> Result:
    with (
        serving(store.root, folder, backend=backend) as service,
        calling(lambda: [service.port], REQUEST, pause=0.01) as outcome,
    ):
        wait_until(lambda: len(outcome.answers) > 100, 30, "load")
        plan.promote(store, "notes", 2)
        told = seconds_until(lambda: bool(_reasons(service)), 90)
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


def flips_and_truncations(folder: Path, count: int = FLIPS) -> Iterator[Result]:
    """Random damage to each file of a version: refused each time, the older version chosen, nothing parsed of it."""
    store = registry(folder)
    broken = builders.publish_linear(store.root, weights=(0.2, 0.3, 4.0)).path
    files = sorted(path for path in broken.iterdir() if path.is_file())
    chance = random.Random(20261121)
    accepted = []
    for number in range(count):
        file = chance.choice(files)
        content = file.read_bytes()
        file.write_bytes(_damaged(content, chance))
        try:
            store.entry("notes", 2)
            accepted.append(f"{number}: {file.name}")
        except RegistryError:
            newest, _ = store.newest("notes")
            if newest is None or newest.version != 1:
                accepted.append(f"{number}: {file.name} kept version 1 from being served")
        file.write_bytes(content)
    whole = store.entry("notes", 2).version == 2
    yield Result(
        f"{count} random bit flips and truncations of a version's files",
        "all refused before anything is parsed; the older version is chosen",
        f"{count - len(accepted)} refused{'; ' + accepted[0] if accepted else ''}",
        not accepted and whole,
    )


def _damaged(content: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return content[: chance.randrange(len(content))]
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _sum_again(version: Path) -> None:
    """Make the checksums those of the files as they are: what somebody with write access would do."""
    names = [line.split("  ", 1)[1] for line in (version / "SHA256SUMS").read_text().splitlines()]
    lines = (f"{hashlib.sha256((version / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (version / "SHA256SUMS").write_text("".join(lines))


def _reasons(service: Serving) -> list[str]:
    reply = service.readyz()
    return [] if reply is None else [json.dumps(why) for why in reply.json["refused"].values()]


def _all(outcome: Outcome, since: float, digest: str) -> bool:
    """Whether every caller's last answers are of one version."""
    last = outcome.answers[-16:]
    return (
        len(last) == 16
        and last[0].at > since
        and all(answer.headers.get("x-model-digest") == digest for answer in last)
    )
