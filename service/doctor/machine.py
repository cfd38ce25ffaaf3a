"""The machine: memory, disk, shared memory, file descriptors, temporary folder, clock."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from service.doctor.findings import Finding, failure, ok, warning
from service.doctor.situation import Situation
from service.process import descriptors

MIB = 2**20
# Below the first it warns, below the second it fails. Java may take 256 MiB, a worker with torch about as much, a
# gateway under 100 (docs/operations.md).
_MEMORY = {"torchserve": (1024, 512), "": (256, 128)}
_DISK = (1024, 64)
_SHARED = 64
# Beside one for each request in hand: libraries, sockets, logs.
_DESCRIPTORS = 256
# Of the longest socket below TMPDIR: /mulgam-xxxxxxxx/ts/temp/.ts.sock.99999 (torchserve.py).
_SOCKET_NAME, _LONGEST_SOCKET = 40, 107
# When this was written: no clock is right that shows less.
_EARLIEST = 1_790_000_000
_CGROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def check_memory(situation: Situation) -> Iterator[Finding]:
    """What is left, of the machine's or of the container's limit, whichever is less."""
    left, whose = min((*_machine_memory(), *_container_memory()), default=(None, ""))
    if left is None:
        yield warning("memory", "the memory that is left can't be seen", "Look by `free -m` that 1 GiB is.")
        return
    backend = situation.settings.backend if situation.settings else ""
    enough, least = _MEMORY.get(backend, _MEMORY[""])
    found = f"{left // MIB:,} MiB left{whose}"
    advice = "Give it more memory, end what takes it, or serve with BACKEND=onnxruntime."
    yield _measured("memory", found, left // MIB, enough, least, advice)


def check_disk(situation: Situation) -> Iterator[Finding]:
    """Where the registry lies, and where temporary files go."""
    registry = situation.settings.registry if situation.settings else situation.root
    seen = set()
    for name, folder in (("the registry", registry), ("TMPDIR", Path(tempfile.gettempdir()))):
        place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        device = place.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        left = shutil.disk_usage(place).free // MIB
        advice = f"Make room there (`mulgam prune` removes old versions), or move {name}."
        yield _measured("disk", f"{left:,} MiB left for {name}", left, *_DISK, advice)


def check_shared_memory(situation: Situation) -> Iterator[Finding]:
    """Where torch's processes exchange tensors."""
    place = Path("/dev/shm")  # noqa: S108 # nosec B108 # looked at, nothing is written
    if not place.is_dir():
        yield warning("shared memory", f"there is no {place}", "Give the container one: --shm-size=256m.")
        return
    left = shutil.disk_usage(place).free // MIB
    yield _measured(
        "shared memory", f"{left:,} MiB left", left, _SHARED, 0, "Give the container more: --shm-size=256m."
    )


def check_descriptors(situation: Situation) -> Iterator[Finding]:
    """How many files and connections a process may have open."""
    limit = descriptors.reachable()
    need = _DESCRIPTORS + (situation.settings.max_inflight if situation.settings else 0)
    if limit >= 2 * need:
        yield ok("open files", f"{limit:,} at a time")
        return
    wrong = warning if limit >= need else failure
    yield wrong("open files", f"{limit:,} at a time", f"Raise it before the start, as root: `ulimit -n {2 * need}`.")


def check_temporary(situation: Situation) -> Iterator[Finding]:
    """TMPDIR: a file can be written there, and Unix sockets have room for their names."""
    wanted = os.environ.get("TMPDIR")
    try:
        folder = tempfile.gettempdir()
        with tempfile.NamedTemporaryFile(dir=wanted or folder) as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as problem:
        yield failure(
            "TMPDIR", f"{wanted or 'no temporary folder'} can't be written: {problem.strerror}",
            "Set TMPDIR to a folder that this user may write.",
        )  # fmt: skip
        return
    is_torchserve = situation.settings is not None and situation.settings.backend == "torchserve"
    if is_torchserve and len(os.fsencode(folder)) + _SOCKET_NAME > _LONGEST_SOCKET:
        yield failure("TMPDIR", f"{folder} is too long for Unix sockets", "Set TMPDIR to a shorter folder.")
        return
    yield ok("TMPDIR", f"{folder} can be written")


def check_clock(situation: Situation) -> Iterator[Finding]:
    """It shows a time that can be, and the one that files get."""
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _EARLIEST:
        yield failure("clock", shown, "Set the clock: certificates and logs depend on it.")
        return
    try:
        with tempfile.NamedTemporaryFile() as file:
            apart = os.stat(file.name).st_mtime - now
    except OSError:
        apart = 0.0
    if abs(apart) > 5:
        yield warning("clock", f"{shown}; files there are {apart:+.0f} s apart", "Let both machines keep time by NTP.")
    else:
        yield ok("clock", shown)


def _measured(check: str, found: str, value: int, enough: int, least: int, advice: str) -> Finding:
    if value >= enough:
        return ok(check, found)
    return warning(check, found, advice) if value >= least else failure(check, found, advice)


def _machine_memory() -> Iterator[tuple[int, str]]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024, ""


def _container_memory(root: Path = Path("/sys/fs/cgroup")) -> Iterator[tuple[int, str]]:
    """What a control group leaves of its limit, by version 2 or 1."""
    for limit, used in _CGROUPS:
        try:
            most, taken = (root / limit).read_text().strip(), (root / used).read_text().strip()
        except OSError:
            continue
        if most.isdigit() and int(most) < 2**60:  # else "max", or version 1's way to say so
            yield max(0, int(most) - int(taken)), f" of the container's {int(most) // MIB:,}"
