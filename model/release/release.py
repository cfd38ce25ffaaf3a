"""The last step of a run: export, verify parity, publish. The only one that writes the registry."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt
from torch import nn

from model.release import export, forms, golden_requests, parity
from model.release.forms import Proof
from mulgam import golden
from mulgam.encoding import Arrays
from mulgam.errors import RegistryError
from mulgam.registry import FORMS, Entry, Registry
from mulgam.signature import Signature


@dataclass(frozen=True)
class Documents:
    """What is published beside the model itself.

    `metrics`, `baseline` and `environment` become JSON; `recipe` is TOML; `report` makes the page of what the gates
    found.
    """

    metrics: Mapping[str, Any]
    baseline: Mapping[str, Any]
    environment: Mapping[str, Any]
    recipe: str
    report: Callable[[Proof], str]


def release(
    module: nn.Module, signature: Signature, held_out: Arrays, registry: Registry, documents: Documents,
    target: npt.NDArray[Any] | None = None,
) -> Entry:  # fmt: skip
    """Publish a trained module as the next version of `signature.model`.

    Args:
        module: the served module: graph inputs, in the signature's order, to one output.
        signature: what is promised to callers, tolerances included.
        held_out: graph inputs that training never saw (name -> [N, …], N at least 1).
        registry: where to publish.
        documents: scores, recipe and the rest.
        target: of the held-out rows, [N]; where it is known, every form is scored.

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
    return release_forms(module, exported, signature, held_out, registry, documents, target=target)


def release_forms(
    module: nn.Module,
    exported: Mapping[str, bytes],
    signature: Signature,
    held_out: Arrays,
    registry: Registry,
    documents: Documents,
    requests: list[golden.Golden] | None = None,
    target: npt.NDArray[Any] | None = None,
) -> Entry:
    """Publish a model that was exported already; `release` says the rest.

    Args:
        module: what the forms are compared with.
        exported: form -> model file, one at least.
        signature: what is promised to callers.
        held_out: graph inputs.
        registry: where to publish.
        documents: scores, recipe and the rest.
        requests: golden requests; None for those that the signature gives.
        target: of the held-out rows, [N], where it is known.
    """
    requests = requests or golden_requests.make(module, signature)
    comparisons = parity.verify(module, signature, exported, held_out, requests)
    measured = [forms.measured(name, model, signature, held_out, target) for name, model in exported.items()]
    files = {
        **{FORMS[form]: content for form, content in exported.items()},
        "signature.json": signature.dumps().encode(),
        "golden.json": golden.dumps(requests).encode(),
        "metrics.json": _json({**documents.metrics, "parity": [asdict(one) for one in comparisons]}),
        "baseline.json": _json(documents.baseline),
        "environment.json": _json(documents.environment),
        "recipe.toml": documents.recipe.encode(),
        "report.html": documents.report(Proof(comparisons, measured)).encode(),
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
