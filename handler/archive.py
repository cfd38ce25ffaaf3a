"""Packs one version of the registry with the current handler into an archive that TorchServe loads.

Archives are made when serving starts, so that a better handler needs no new training. We write the zip
ourselves: torch-model-archiver stamps the time into it (so it is never the same twice) and deletes
`$TMPDIR/<model>` first.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from mulgam.errors import MulgamError, RegistryError
from mulgam.registry import FORMS, Entry

RUNTIMES = tuple(FORMS)
_CONFIG = "model-config.yaml"
_ROOT = Path(__file__).resolve().parent.parent
# What the worker imports; the tests load archives with nothing else in reach.
_SHARED_CODE = (
    "handler/__init__.py", "handler/exchange.py", "handler/batch.py", "handler/frames.py", "handler/loading.py",
    "handler/threads.py", "handler/worker.py",
    "mulgam/__init__.py", "mulgam/checksums.py", "mulgam/errors.py", "mulgam/exchanges.py", "mulgam/golden.py",
    "mulgam/minisign.py", "mulgam/signature.py", "mulgam/strict.py", "mulgam/tensors.py", "mulgam/trust.py",
    "mulgam/wording.py",
    "mulgam/encoding/__init__.py", "mulgam/encoding/categories.py", "mulgam/encoding/checking.py",
    "mulgam/encoding/encoder.py", "mulgam/encoding/largest.py", "mulgam/encoding/numbers.py",
    "mulgam/encoding/rows.py", "mulgam/encoding/tensor.py", "mulgam/encoding/text.py",
)  # fmt: skip
_RUNTIME_CODE = {
    "torchscript": ("handler/runtime_torchscript.py",),
    "onnx": ("handler/runtime_onnx.py", "mulgam/onnx_file.py"),
}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


@dataclass(frozen=True)
class WorkerOptions:
    """How TorchServe runs a model's workers; times in seconds, but for `max_batch_delay` in milliseconds."""

    workers: int = 1
    batch_size: int = 1
    max_batch_delay: int = 1
    response_timeout: int = 30
    startup_timeout: int = 120

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            # 0 makes TorchServe wait for its default of 100 ms, or for ever.
            if value < 1:
                raise MulgamError(f"{name} must be at least 1, not {value}.")


def pack(entry: Entry, runtime: str, store: Path, workers: WorkerOptions) -> Path:
    """Write `<store>/<model>-<version>.mar`; the same input gives the same bytes.

    Args:
        entry: a verified version.
        runtime: "torchscript" or "onnx"; a version without the model in that form is packed in the one that it has.
        store: the folder to write to, made where it is missing.
        workers: what goes into the archive's configuration.

    Returns:
        The archive's path.

    Raises:
        RegistryError: the store can't be written.
        ValueError: there is no such runtime.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, not {runtime!r}")
    runtime = entry.runtime(runtime)
    path = store / f"{entry.model}-{entry.version}.mar"
    try:
        store.mkdir(parents=True, exist_ok=True)
        # Renamed when whole, so that a TorchServe that reads the store never meets half an archive.
        with tempfile.TemporaryDirectory(dir=store, prefix=".packing-") as folder:
            _write(Path(folder, path.name), _members(entry, runtime, workers))
            os.replace(Path(folder, path.name), path)
    except OSError as problem:
        raise RegistryError(f"{path} can't be written: {problem.strerror}.") from problem
    return path


def _members(entry: Entry, runtime: str, workers: WorkerOptions) -> dict[str, bytes]:
    served = FORMS[runtime]
    handler = f"mulgam_{runtime}_entry.py"
    manifest = {
        "archiverVersion": "0.12.0",
        "runtime": "python",
        "model": {
            "modelName": entry.model,
            "modelVersion": str(entry.version),
            "serializedFile": served,
            "handler": handler,
            "configFile": _CONFIG,
        },
    }
    members = {"MAR-INF/MANIFEST.json": json.dumps(manifest, indent=1).encode(), _CONFIG: _config(runtime, workers)}
    members |= entry.copied(served, "signature.json", "golden.json")
    for name in (*_SHARED_CODE, *_RUNTIME_CODE[runtime]):
        members[name] = (_ROOT / name).read_bytes()
    members[handler] = (_ROOT / "handler" / handler).read_bytes()
    return members


def _config(runtime: str, workers: WorkerOptions) -> bytes:
    return (
        f"minWorkers: {workers.workers}\n"
        f"maxWorkers: {workers.workers}\n"
        f"batchSize: {workers.batch_size}\n"
        f"maxBatchDelay: {workers.max_batch_delay}\n"
        f"responseTimeout: {workers.response_timeout}\n"
        f"startupTimeout: {workers.startup_timeout}\n"
        f"handler:\n"
        f"  runtime: {runtime}\n"
    ).encode()


def _write(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])
