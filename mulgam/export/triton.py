"""A Triton model repository: `<store>/<model>/config.pbtxt`, `<version>/model.onnx`, and the classes as labels.

Triton's ONNX Runtime backend runs the graph, with all arithmetic of preprocessing in it. Field names and meanings:
Triton's `model_config.proto` and its page on model configuration.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mulgam.errors import RegistryError
from mulgam.onnx_file import check_content
from mulgam.registry import ONNX, Entry
from mulgam.signature import Signature, Tensor

CONFIG, LABELS = "config.pbtxt", "labels.txt"
# As the gateway's defaults: requests in the queue, and seconds after which nobody waits for an answer any more.
_QUEUE, _PATIENCE_SECONDS = 256, 10


@dataclass(frozen=True)
class Options:
    """How Triton runs a model.

    Args:
        device: "cpu" or "gpu".
        instances: of each model; on each GPU where there are several.
        max_batch_rows: rows that Triton combines into one run, and the most in one request.
    """

    device: str = "cpu"
    instances: int = 1
    max_batch_rows: int = 1024


def write(entries: Iterable[Entry], store: Path, options: Options) -> list[Path]:
    """Write the repository; several versions of a model lie beside one another.

    Returns:
        The folder of each model.

    Raises:
        RegistryError: a version has no ONNX form, versions of a model differ in inputs or outputs (Triton has one
            configuration for all of them), a model's folder is there already, or the store can't be written.
    """
    ordered = sorted(entries, key=lambda entry: (entry.model, entry.version))
    models = [list(versions) for _, versions in groupby(ordered, key=lambda entry: entry.model)]
    for versions in models:  # all of them, before the first is written
        _check(versions, store / versions[0].model)
    try:
        return [_write_model(versions, store / versions[0].model, options) for versions in models]
    except OSError as problem:
        raise RegistryError(f"{store} can't be written: {problem.strerror}.") from problem


def config(signature: Signature, versions: Sequence[int], options: Options) -> str:
    """The text of `config.pbtxt`, protobuf's text format."""
    labels = bool(_labels(signature))
    inputs = "".join(_tensor("input", tensor) for tensor in signature.inputs)
    kind = "KIND_GPU" if options.device == "gpu" else "KIND_CPU"
    # One thread a run, as in the gateway: requests, not the rows of one, are what uses the cores.
    threads = "" if options.device == "gpu" else (
        'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\n'
        'parameters { key: "inter_op_thread_count" value { string_value: "1" } }\n'
    )  # fmt: skip
    return (
        f"name: {_quoted(signature.model)}\n"
        'platform: "onnxruntime_onnx"\n'
        f'default_model_filename: "{ONNX}"\n'
        f"max_batch_size: {options.max_batch_rows}\n"
        f"version_policy {{ specific {{ versions: [ {', '.join(map(str, versions))} ] }} }}\n"
        f"{inputs}{_tensor('output', signature.output, labels=labels)}"
        f"instance_group [ {{ kind: {kind} count: {options.instances} }} ]\n"
        "dynamic_batching {\n"
        "  default_queue_policy {\n"
        f"    max_queue_size: {_QUEUE}\n"
        "    timeout_action: REJECT\n"
        f"    default_timeout_microseconds: {_PATIENCE_SECONDS * 1_000_000}\n"
        "  }\n"
        "}\n"
        f"{threads}"
    )


def _check(versions: Sequence[Entry], folder: Path) -> None:
    first = versions[0]
    for entry in versions:
        if "onnx" not in entry.runtimes:
            raise RegistryError(
                f"Version {entry.version} of {entry.model!r} has TorchScript only, whose outputs Triton gives other"
                " names than its signature; export it with --to torchserve."
            )
        check_content(entry.read(ONNX), entry.path / ONNX)
        if _shape_of(entry.signature) != _shape_of(first.signature):
            raise RegistryError(
                f"Versions {first.version} and {entry.version} of {entry.model!r} differ in inputs, outputs or classes,"
                " and Triton has one configuration for both; export them into two stores."
            )
    if folder.exists():
        raise RegistryError(f"{folder} is there already; export into a new folder.")


def _write_model(versions: Sequence[Entry], folder: Path, options: Options) -> Path:
    signature = versions[0].signature
    folder.mkdir(parents=True)
    for entry in versions:
        (folder / str(entry.version)).mkdir()
        (folder / str(entry.version) / ONNX).write_bytes(entry.read(ONNX))
    labels = _labels(signature)
    if labels:
        (folder / LABELS).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    text = config(signature, [entry.version for entry in versions], options)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    return folder


def _shape_of(signature: Signature) -> object:
    return signature.inputs, signature.output, signature.target.classes


def _labels(signature: Signature) -> tuple[str, ...]:
    """The classes, for Triton's classification extension; none where one of them is not a line of its own."""
    classes = signature.target.classes
    return () if any(len(label.splitlines()) != 1 for label in classes) else classes


def _tensor(kind: str, tensor: Tensor, *, labels: bool = False) -> str:
    """One input or output; Triton's dimensions are those of a row, and it has none of no dimension but by reshaping."""
    row = tensor.shape[1:]
    shape = f"dims: [ {', '.join(map(str, row))} ]" if row else "dims: [ 1 ] reshape { shape: [ ] }"
    label = f' label_filename: "{LABELS}"' if labels else ""
    return f"{kind} [ {{ name: {_quoted(tensor.name)} data_type: TYPE_{tensor.datatype} {shape}{label} }} ]\n"


def _quoted(text: str) -> str:
    """A string of the text format; its escapes of quotes, backslashes and controls are JSON's, but for \\u."""
    return json.dumps(text, ensure_ascii=False)
