"""One model that was trained elsewhere: read → described → tried → compared → published."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn

from model.errors import PublishError
from model.publish import description, gates, page, rows, torch_module
from model.publish.description import Description
from model.publish.head import head, inferred_target
from model.publish.onnx_graph import OnnxGraph
from model.publish.reference import OnnxModule
from model.publish.torch_module import TorchModel
from model.recipe.writing import toml
from model.release import environment, export
from model.release.forms import Proof
from model.release.release import Documents, release_forms
from mulgam.checksums import file_sha256
from mulgam.encoding.encoder import Encoder
from mulgam.registry import Entry, Registry
from mulgam.signature import (
    PRECISION,
    Feature,
    Signature,
    Target,
    Task,
    Tolerance,
    graph_inputs,
    graph_outputs,
    parse,
)  # fmt: skip
from mulgam.tensors import Arrays

Original = OnnxGraph | TorchModel


@dataclass(frozen=True)
class Brought:
    """What was brought: a name, a model in one or two forms (or what makes one), and what is said of it."""

    name: str
    onnx: Path | None
    torchscript: Path | None
    factory: str | None
    python_path: Path
    signature: Path | None
    golden: tuple[Path, ...]
    tolerance: float

    @property
    def sources(self) -> dict[str, str]:
        """What was brought -> the sha256 of each file."""
        files = {path.name: file_sha256(path) for path in (self.onnx, self.torchscript, self.signature) if path}
        return files if self.factory is None else {**files, self.factory: "a module of Python"}


def bring(brought: Brought, registry: Registry) -> Entry:
    """Publish the next version of a model.

    Raises:
        PublishError: a file is not what it should be, or the model not what its signature says.
        ExportError: a module can't be written in both formats.
        ParityError: two forms answer differently.
        RegistryError: the registry can't be written.
    """
    said = description.load(brought.signature) if brought.signature is not None else Description()
    graph = OnnxGraph(brought.onnx) if brought.onnx is not None else None
    module = _module(brought)
    signature, tried = _described(brought, said, _either(graph, module))
    forms, reference = _forms(brought, said, graph, module, signature, tried)
    answers = gates.checked_answers(reference, signature, tried)
    floor = 1.0 if signature.target.classes else float(np.std(answers)) or 1.0
    tolerance = Tolerance(brought.tolerance, floor)
    gates.check_rows_alone(reference, signature, tried, tolerance)
    signature = replace(signature, tolerance={form: {PRECISION: tolerance} for form in forms})
    given = rows.given(brought.golden, signature)
    requests = rows.golden(signature, given, reference) if given else None
    return release_forms(reference, forms, signature, tried, registry, _documents(brought, signature), requests)


def _module(brought: Brought) -> TorchModel | None:
    if brought.factory is not None:
        return torch_module.from_factory(brought.factory, brought.python_path)
    return torch_module.from_file(brought.torchscript) if brought.torchscript is not None else None


def _either(graph: OnnxGraph | None, module: TorchModel | None) -> Original:
    """What tells more: a graph names its inputs, a module does not."""
    original = graph or module
    assert original is not None  # the command line asks for one
    return original


def _described(brought: Brought, said: Description, original: Original) -> tuple[Signature, Arrays]:
    """The signature, still without tolerances, and the rows to try the model with."""
    features = said.features or original.features()
    name = original.output(said.output) or "output"
    signature = _signature(brought, said, features, said.target or Target(name))
    tried = Encoder(signature).encode(rows.given(brought.golden, signature) or rows.tried(signature))
    if said.target is None:
        shape = _row_shape(original, said, signature, tried)
        signature = _signature(brought, said, features, inferred_target(name, shape, not signature.tensors))
    return signature, tried


def _signature(brought: Brought, said: Description, features: tuple[Feature, ...], target: Target) -> Signature:
    task: Task = "classification" if target.classes else "regression" if target.shape is None else "generic"
    signature = Signature(
        brought.name, task, features, target, graph_inputs(features), graph_outputs(target), {},
        description=said.description,
    )  # fmt: skip
    # Read back, so that an inconsistency is told with the name of the file that it stands in.
    where = brought.signature.name if brought.signature is not None else "The graph"
    return parse(json.loads(signature.dumps()), where)


def _row_shape(original: Original, said: Description, signature: Signature, tried: Arrays) -> tuple[int, ...]:
    """What a row of the model's own output looks like."""
    few = {name: array[:2] for name, array in tried.items()}
    count = len(next(iter(few.values())))
    answer = original.run(few, signature, original.output(said.output))
    if answer.ndim == 0 or len(answer) != count:
        raise PublishError(f"{count} rows are answered in the shape {list(answer.shape)}: not one answer for each row.")
    return answer.shape[1:]


def _forms(
    brought: Brought,
    said: Description,
    graph: OnnxGraph | None,
    module: TorchModel | None,
    signature: Signature,
    tried: Arrays,
) -> tuple[dict[str, bytes], nn.Module]:
    """The files to publish, and the module that all of them are compared with."""
    logits = said.scores == "logits"
    forms: dict[str, bytes] = {}
    reference: nn.Module | None = None
    if module is not None:
        told = said if graph is None else replace(said, output=None)  # then the output's name is the graph's
        steps = head(signature.target, _row_shape(module, told, signature, tried), logits)
        reference = module.adapted(signature, told.output, steps)
        example = export.example_inputs(tried, signature)
        forms["torchscript"] = export.torchscript(reference, example)
        if brought.factory is not None:
            forms["onnx"] = export.to_onnx(reference, signature, example)
    if graph is not None:
        steps = head(signature.target, _row_shape(graph, said, signature, tried), logits)
        forms["onnx"] = graph.adapted(signature, graph.output(said.output), steps)
        reference = reference or OnnxModule(forms["onnx"], signature)
    assert reference is not None  # one of them was brought
    return forms, reference


def _documents(brought: Brought, signature: Signature) -> Documents:
    sources = brought.sources
    told = [f"name = {toml(brought.name)}", "", "# Trained elsewhere, brought by `mulgam publish`.", "[published]"]
    told += [f"{toml(name)} = {toml(digest)}" for name, digest in sources.items()]

    def report(proof: Proof) -> str:
        return page.page(signature, sources, proof.comparisons)

    return Documents(
        metrics={"task": signature.task, "published": sources, "scores": {}},
        baseline={"format": 1, "features": {}},
        environment=environment.libraries(),
        recipe="\n".join(told) + "\n",
        report=report,
    )
