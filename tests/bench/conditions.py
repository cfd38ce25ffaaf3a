"""What a figure is worth without: machine, versions, command, and what else ran meanwhile."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.cores import Cores
from tests.bench.tree import ROOT

OURS = ("torch", "torchserve", "onnxruntime", "uvloop", "flask", "numpy")
THEIRS = ("granian", "gunicorn", "fastapi", "uvicorn", "pydantic")
_ROOMS = ("mulgam", "handler", "service")
# Cores' worth of work by others beyond which figures are not to be trusted.
QUIET_CORES = 0.1


@dataclass(frozen=True)
class Conditions:
    """Taken before the first start."""

    date: str
    machine: str
    cores: int
    pinned: bool
    load_before: float
    versions: str
    commit: str
    command: str
    code: str


def take(cores: Cores, wrk_version: str, command: str, libraries: Sequence[str] = (*OURS, *THEIRS)) -> Conditions:
    """The machine as it is now, and the versions of the libraries that are measured."""
    load = os.getloadavg()[0]
    return Conditions(
        date=date(),
        machine=machine(),
        cores=os.cpu_count() or 1,
        pinned=cores.are_pinned,
        load_before=load,
        versions=", ".join([versions(libraries), wrk_version]),
        commit=commit(),
        command=command,
        code=code_digest(),
    )


def warning(
    conditions: Conditions, load_averages: Sequence[float], others: Sequence[float], code_after: str = ""
) -> str:
    """A sentence where the machine was not quiet, else nothing.

    The run itself loads two cores, so during it the load average tells of others only beyond that.
    """
    causes = []
    if conditions.load_before > 0.5:
        causes.append(f"the load average was {conditions.load_before:.1f} before the run")
    during = max(load_averages, default=0.0)
    if during > conditions.cores + 1:
        causes.append(f"it rose to {during:.1f} on {conditions.cores} cores")
    busiest = max(others, default=0.0)
    if busiest > QUIET_CORES:
        causes.append(f"other processes took up to {busiest:.2f} cores from a measurement")
    if not conditions.pinned:
        causes.append("servers and load generator shared their cores")
    if code_after not in ("", conditions.code):
        causes.append("Mulgam's own files changed during the run, so that its rounds are of different code")
    if not causes:
        return ""
    return (
        f"**The machine was not quiet:** {'; '.join(causes)}. Ratios within a round suffer less than absolute figures."
    )


def code_digest() -> str:
    """Of all that is run of Mulgam, so that a change during a run is seen."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def missing_gpu() -> str:
    """Why nothing can be measured on a GPU here; nothing where it can."""
    import onnxruntime
    import torch

    if not torch.cuda.is_available():
        return "no GPU that torch can compute on"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this build of ONNX Runtime has no CUDA (`make -B setup DEVICE=gpu`)"
    return ""


def date() -> str:
    """Now, in UTC."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine() -> str:
    """Processor, memory, system."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def versions(libraries: Sequence[str]) -> str:
    """Python's, and those of the libraries that are installed."""
    found = [f"{name} {importlib.metadata.version(name)}" for name in libraries if _is_installed(name)]
    return ", ".join([f"Python {platform.python_version()}", *found])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def commit() -> str:
    """The commit of the code, and whether it was changed since."""

    def git(*words: str) -> str:
        ended = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return ended.stdout.strip() if ended.returncode == 0 else ""

    head = git("rev-parse", "--short", "HEAD")
    if not head:
        return "unknown"
    changed = bool(git("status", "--porcelain", "--", "service", "handler", "model", "mulgam"))
    return f"{head}{' with uncommitted changes' if changed else ''}"
