"""`environment.json`: what a run was made with. No path, no name of a user or a machine."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import torch

from model.data.table import Table
from mulgam import __version__

LIBRARIES = ("torch", "numpy", "onnx", "onnxscript", "onnxruntime", "scikit-learn")


def document(table: Table, device: torch.device, threads: int, seed: int) -> dict[str, Any]:
    """What `environment.json` holds; `threads` are those of the CPU that trained."""
    return {
        **libraries(),
        "device": device.type,
        "threads": threads,
        "seed": seed,
        "data": {"sha256": table.sha256, "rows": len(table), "features": len(table.features)},
    }


def libraries() -> dict[str, Any]:
    """The part that tells of the software alone."""
    return {
        "mulgam": __version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _version(name: str) -> str:
    # The GPU build of ONNX Runtime is a distribution of its own, importable by the same name.
    if name == "onnxruntime":
        import onnxruntime

        return str(onnxruntime.__version__)
    return version(name)
