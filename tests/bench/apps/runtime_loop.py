"""`python -m tests.bench.apps.runtime_loop RUNTIME DEVICE VERSION ROWS SECONDS`: a model as a worker runs it, bare.

VERSION is the folder of a registry's version, DEVICE `gpu` or `cpu`. Prints calls and seconds as one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from handler.runtime_onnx import OnnxRuntime
from handler.runtime_torchscript import TorchScriptRuntime
from mulgam.registry import FORMS, Registry
from mulgam.signature import NUMERIC
from tests.bench.model import draw

RUNTIMES = {"torchscript": TorchScriptRuntime, "onnx": OnnxRuntime}


def main(runtime: str, device: str, version: Path, rows: int, seconds: float) -> None:
    """Call it again and again; whoever asked for a GPU and does not get it hears of it."""
    entry = Registry(version.parents[1]).entry(version.parent.name, int(version.name))
    loaded = RUNTIMES[runtime](version / FORMS[runtime], entry.signature, 0 if device == "gpu" else None)
    if device == "gpu" and not loaded.device.startswith("cuda"):
        raise SystemExit(f"{runtime} did not get the GPU, but {loaded.device}")
    inputs = [{NUMERIC: np.ascontiguousarray(draw(rows, seed))} for seed in range(8)]
    for one in inputs:
        loaded.run(one)
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        loaded.run(inputs[calls % len(inputs)])
        calls += 1
    print(json.dumps({"calls": calls, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
