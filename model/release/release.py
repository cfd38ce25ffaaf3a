"""The last step of a run: export, verify parity, publish. The only one that writes the registry."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from model.release import export, golden_requests, parity
from mulgam import golden
from mulgam.encoding import Arrays
from mulgam.errors import RegistryError
from mulgam.registry import ONNX, TORCHSCRIPT, Entry, Registry
from mulgam.signature import Signature


@dataclass(frozen=True)
class Documents:
    """What is published beside the model itself.

    `metrics`, `baseline` and `environment` become JSON; `recipe` is TOML; `report` makes the page once the
    parity figures are known.
    """

    metrics: Mapping[str, Any]
    baseline: Mapping[str, Any]
    environment: Mapping[str, Any]
    recipe: str
    report: Callable[[list[parity.Comparison]], str]


def release(
    module: nn.Module, signature: Signature, held_out: Arrays, registry: Registry, documents: Documents
) -> Entry:
    """Publish a trained module as the next version of `signature.model`.

    Args:
        module: the served module: graph inputs, in the signature's order, to one output.
        signature: what is promised to callers, tolerances included.
        held_out: graph inputs that training never saw (name -> [N, …], N at least 1).
        registry: where to publish.
        documents: scores, recipe and the rest.

    Raises:
        ExportError: the module can't be exported, or only with a fixed batch size.
        ParityError: the exported models answer differently. Nothing is published.
        RegistryError: the registry can't be written.
    """
    module = copy.deepcopy(module).cpu().eval()
    example = export.example_inputs(held_out, signature)
    exported = {
        "torchscript": export.torchscript(module, example),
        "onnx": export.to_onnx(module, signature, example),
    }
    requests = golden_requests.make(module, signature)
    comparisons = parity.verify(module, signature, exported, held_out, requests)
    files = {
        TORCHSCRIPT: exported["torchscript"],
        ONNX: exported["onnx"],
        "signature.json": signature.dumps().encode(),
        "golden.json": golden.dumps(requests).encode(),
        "metrics.json": _json({**documents.metrics, "parity": [asdict(one) for one in comparisons]}),
        "baseline.json": _json(documents.baseline),
        "environment.json": _json(documents.environment),
        "recipe.toml": documents.recipe.encode(),
        "report.html": documents.report(comparisons).encode(),
    }
    return _publish(files, signature.model, registry)


def _publish(files: Mapping[str, bytes], model: str, registry: Registry) -> Entry:
    with registry.staging() as folder:
        try:
            for name, content in files.items():
                (folder / name).write_bytes(content)
        except OSError as problem:
            raise RegistryError(f"{model!r} can't be written to {registry.root}: {problem.strerror}.") from problem
        return registry.publish(folder, model)


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()
