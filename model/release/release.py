"""The last step of a run: export, verify parity, publish. The only one that writes the registry."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt
from torch import nn

from model.release import export, forms, golden_requests, parity, variants
from model.release.forms import Proof
from model.release.runs import split
from mulgam import golden
from mulgam.errors import RegistryError
from mulgam.registry import FORMS, VARIANTS, Entry, Registry
from mulgam.signature import Signature
from mulgam.tensors import Arrays


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
    target: npt.NDArray[Any] | None = None, precisions: Sequence[str] = (),
) -> Entry:  # fmt: skip
    """Publish a trained module as the next version of `signature.model`.

    Args:
        module: the served module: graph inputs, in the signature's order, to one output.
        signature: what is promised to callers, tolerances included.
        held_out: graph inputs that training never saw (name -> [N, …], N at least 1).
        registry: where to publish.
        documents: scores, recipe and the rest.
        target: of the held-out rows, [N]; where it is known, every form is scored.
        precisions: of smaller ONNX forms to publish beside the usual ones; the signature has their tolerances.

    Raises:
        ExportError: the module can't be exported, or only with a fixed batch size.
        ParityError: the exported models answer differently, or a smaller one scores too badly. Nothing is published.
        RegistryError: the registry can't be written.
    """
    module = copy.deepcopy(module).cpu().eval()
    example = export.example_inputs(held_out, signature)
    exported = {
        "torchscript": export.torchscript(module, example),
        "onnx": export.to_onnx(module, signature, example),
    }
    exported |= {f"onnx {precision}": variants.make(precision, exported["onnx"]) for precision in precisions}
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
    proof = _proven(module, exported, signature, held_out, requests, target)
    files = {
        **{_file(form): content for form, content in exported.items()},
        "signature.json": signature.dumps().encode(),
        "golden.json": golden.dumps(requests).encode(),
        "metrics.json": _json({**documents.metrics, **_told(proof)}),
        "baseline.json": _json(documents.baseline),
        "environment.json": _json(documents.environment),
        "recipe.toml": documents.recipe.encode(),
        "report.html": documents.report(proof).encode(),
    }
    return _publish(files, signature.model, registry)


def _proven(
    module: nn.Module, exported: Mapping[str, bytes], signature: Signature, held_out: Arrays,
    requests: list[golden.Golden], target: npt.NDArray[Any] | None,
) -> Proof:  # fmt: skip
    """All forms through the gates: the usual ones first, then those of lower precision, which may be left out."""
    usual = {form: model for form, model in exported.items() if form in FORMS}
    comparisons = parity.verify(module, signature, usual, held_out, requests)
    measured = {form: forms.measured(form, model, signature, held_out, target) for form, model in exported.items()}
    for form, model in exported.items():
        if form in usual:
            continue
        with variants.left_out(precision := split(form)[1]):
            comparisons += parity.verify(module, signature, {form: model}, held_out, requests)
            variants.check_score(precision, measured[form], measured["onnx"], len(next(iter(held_out.values()))))
    return Proof(comparisons, list(measured.values()))


def _file(form: str) -> str:
    return FORMS[form] if form in FORMS else VARIANTS[split(form)[1]]


def _told(proof: Proof) -> dict[str, Any]:
    """What `metrics.json` holds of the gates; not the latencies, which differ from run to run."""
    sizes = {one.name: {"bytes": one.size, **({} if one.score is None else dict([one.score]))} for one in proof.forms}
    return {"forms": sizes, "parity": [asdict(one) for one in proof.comparisons]}


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
