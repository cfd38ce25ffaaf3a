"""Files of a version that somebody or something has changed: never served, and no code of theirs ever runs."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from mulgam import serving as plan
from mulgam.errors import RegistryError
from mulgam.registry import ONNX, TORCHSCRIPT, Registry
from tests import builders
from tests.callers import Outcome, calling
from tests.drill.places import BACKENDS, REQUEST, registry, seconds_until
from tests.drill.results import Result
from tests.processes import Serving, serving, wait_until

FLIPS, PROMOTED = 1000, 25
# A worker of TorchServe imports torch before it can refuse anything.
_TOLD_SECONDS = 90.0


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


def damaged_while_serving(folder: Path, count: int = PROMOTED, backend: str = "onnxruntime") -> Iterator[Result]:
    """The same damage to a version that a running service is told to serve, again and again, under load."""
    store, broken = _two_versions(folder)
    files = sorted(path for path in broken.iterdir() if path.is_file())
    chance = random.Random(20261122)
    told = []
    with (
        serving(store.root, folder, backend=backend) as service,
        calling(lambda: [service.port], REQUEST, 2, 1, pause=0.005) as outcome,
    ):
        wait_until(lambda: len(outcome.answers) > 50, 30, "load")
        for _ in range(count):
            file = chance.choice(files)
            content = file.read_bytes()
            file.write_bytes(_damaged(content, chance))
            told.append(_told_of(service, store))
            file.write_bytes(content)
            _served_again(service, store)
    yield Result(
        f"a version with one of {count} such damages, promoted while another one serves ({backend})",
        "refused each time, with the reason; the old version answers every request",
        f"{sum(one < _TOLD_SECONDS for one in told)} refused, told after {max(told):.1f} s at most; "
        f"{_of_version_1(outcome)}",
        max(told) < _TOLD_SECONDS and _is_version_1(outcome),
    )


def planted_payloads(folder: Path, backends: Sequence[str] = BACKENDS) -> Iterator[Result]:
    """Files that would run somebody's code or read somebody's files, under checksums that are right."""
    store, version = _two_versions(folder)
    for backend in backends:
        with (
            serving(store.root, folder, backend=backend) as service,
            calling(lambda service=service: [service.port], REQUEST, 2, 1, pause=0.005) as outcome,  # type: ignore[misc]
        ):
            wait_until(lambda outcome=outcome: len(outcome.answers) > 50, 60, "load")  # type: ignore[misc]
            for payload in PAYLOADS:
                if payload.backend == backend:
                    yield _planted(service, store, version, payload, outcome)


def _planted(service: Serving, store: Registry, version: Path, payload: Payload, outcome: Outcome) -> Result:
    file, marker, asked = version / payload.file, version.parent / "it-ran", len(outcome.answers)
    content = file.read_bytes()
    payload.plant(file, marker)
    sum_again(version)
    told = _told_of(service, store)
    file.write_bytes(content)
    sum_again(version)
    _served_again(service, store)
    return Result(
        f"{payload.name}, its checksum right, promoted ({payload.backend})",
        "refused, with the reason; nothing of it runs; the old version answers every request",
        f"told after {told:.1f} s; {'IT RAN' if marker.exists() else 'nothing ran'}; {_of_version_1(outcome, asked)}",
        told < _TOLD_SECONDS and not marker.exists() and _is_version_1(outcome),
    )


@dataclass(frozen=True)
class Payload:
    """What it is, who would load it, which file it takes the place of, and what puts it there.

    `plant` is given that file and a marker that is there once code ran.
    """

    name: str
    backend: str
    file: str
    plant: Callable[[Path, Path], None]


class _Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._marker,))


def _pickle(path: Path, marker: Path) -> None:
    path.write_bytes(pickle.dumps(_Trap(marker)))


def _pickle_in_torchscript(path: Path, marker: Path) -> None:
    """In the place of the module's attributes, which TorchScript keeps as a pickle of its own kind."""
    with zipfile.ZipFile(path) as honest:
        members = {info.filename: honest.read(info) for info in honest.infolist()}
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in members.items():
            changed.writestr(name, pickle.dumps(_Trap(marker), 2) if name.endswith("/data.pkl") else content)


def _external_data(path: Path, marker: Path) -> None:
    """Weights that lie in another file, which whoever made the model chooses."""
    model = onnx.load(str(path))
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../../etc/hostname")
    path.write_bytes(model.SerializeToString())


PAYLOADS = (
    Payload("a pickle in place of the TorchScript file", "torchserve", TORCHSCRIPT, _pickle),
    Payload("a pickle within the TorchScript file", "torchserve", TORCHSCRIPT, _pickle_in_torchscript),
    Payload("an ONNX file that names another file for its weights", "onnxruntime", ONNX, _external_data),
)


def sum_again(version: Path) -> None:
    """Make the checksums those of the files as they are: what somebody with write access would do."""
    names = [line.split("  ", 1)[1] for line in (version / "SHA256SUMS").read_text().splitlines()]
    lines = (f"{hashlib.sha256((version / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (version / "SHA256SUMS").write_text("".join(lines))


def refusals(service: Serving) -> list[str]:
    """What the admin listener says was refused, and why."""
    reply = service.readyz()
    return [] if reply is None else [json.dumps(why) for why in reply.json["refused"].values()]


def _two_versions(folder: Path) -> tuple[Registry, Path]:
    """A registry whose plan is `notes` 1, and the folder of version 2."""
    store = registry(folder)
    plan.write(store, plan.Plan(1, {"notes": plan.Choice(1)}))
    return store, builders.publish_linear(store.root, weights=(0.2, 0.3, 4.0)).path


def _told_of(service: Serving, store: Registry) -> float:
    """Seconds until version 2 is refused; not by `mulgam promote`, which would refuse it before the service does."""
    plan.write(store, plan.Plan(plan.read(store).generation + 1, {"notes": plan.Choice(2)}))
    return seconds_until(lambda: bool(refusals(service)), _TOLD_SECONDS)


def _served_again(service: Serving, store: Registry) -> None:
    plan.write(store, plan.Plan(plan.read(store).generation + 1, {"notes": plan.Choice(1)}))
    wait_until(lambda: not refusals(service), _TOLD_SECONDS, "nothing is refused of version 1")


def _is_version_1(outcome: Outcome) -> bool:
    return not outcome.failed and {answer.json["version"] for answer in outcome.answers} == {1}


def _of_version_1(outcome: Outcome, since: int = 0) -> str:
    answers = [answer for answer in outcome.answers[since:] if answer.status == 200]
    versions = sorted({answer.json["version"] for answer in answers})
    return f"{len(outcome.failed)} of {len(outcome.answers) - since} failed; versions {versions}"
