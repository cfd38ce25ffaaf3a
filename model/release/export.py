"""Export: one module as TorchScript and as ONNX, in memory, without traces of the machine it ran on.

Both formats would carry absolute source paths of whoever exported (TorchScript in its debug records, ONNX in
stack traces beside the nodes). They are removed: an artefact is for others, and equal runs give equal bytes, but
for the numbers that TorchScript adds to type names when one process exports several models.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from model.errors import ExportError
from mulgam.signature import Signature

OPSET = 20
# Neither 0 nor 1, which the exporter specialises, and no size that a layer may have.
_EXAMPLE_ROWS = 3


def torchscript(module: nn.Module, example: tuple[Tensor, ...]) -> bytes:
    """The module as TorchScript: scripted, or traced where its code can't be scripted.

    Args:
        module: in evaluation mode, on the CPU; takes the graph inputs in the signature's order.
        example: inputs for tracing, as `example_inputs` makes them.

    Raises:
        ExportError: neither works.
    """
    try:
        program = torch.jit.script(module)
    except Exception:  # the compiler raises whatever its stages raise; tracing has the last word
        try:
            program = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
        except Exception as problem:
            raise ExportError(f"The model can't be exported to TorchScript: {_cause(problem)}") from problem
    buffer = io.BytesIO()
    torch.jit.save(program, buffer)
    return _without_debug_records(buffer.getvalue())


def to_onnx(module: nn.Module, signature: Signature, example: tuple[Tensor, ...]) -> bytes:
    """The module as ONNX (operator set 20) by torch's dynamo exporter, with a symbolic batch dimension.

    Args:
        module: in evaluation mode, on the CPU.
        signature: names of the graph's inputs and outputs.
        example: inputs of any small batch, as `example_inputs` makes them.

    Raises:
        ExportError: the exporter refuses, or froze the batch to the example's size.
    """
    batch = torch.export.Dim("batch")
    try:
        with quiet():
            program = torch.onnx.export(
                module, example, dynamo=True, verbose=False, opset_version=OPSET,
                input_names=[tensor.name for tensor in signature.inputs],
                output_names=[tensor.name for tensor in signature.outputs],
                dynamic_shapes=tuple({0: batch} for _ in example),
            )  # fmt: skip
    except Exception as problem:
        raise ExportError(f"The model can't be exported to ONNX: {_cause(problem)}") from problem
    if program is None:
        raise ExportError("The model can't be exported to ONNX: the exporter gave no program.")
    proto = program.model_proto
    _strip_metadata(proto)
    _check_shapes(proto, signature)
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def example_inputs(inputs: Mapping[str, Any], signature: Signature) -> tuple[Tensor, ...]:
    """A few rows of encoded inputs as tensors in the signature's order, repeated where there are fewer.

    Args:
        inputs: name -> array [N, …], N at least 1.
    """
    arrays = (inputs[tensor.name] for tensor in signature.inputs)
    return tuple(torch.from_numpy(array.repeat(_EXAMPLE_ROWS, axis=0)[:_EXAMPLE_ROWS].copy()) for array in arrays)


def _without_debug_records(archive: bytes) -> bytes:
    """The same TorchScript archive without the `.debug_pkl` records, which hold source paths."""
    cleaned = io.BytesIO()
    # torch's own reader and writer, because its records are aligned in ways that zip tools do not keep.
    reader: Any = torch._C.PyTorchFileReader(io.BytesIO(archive))
    writer: Any = torch._C.PyTorchFileWriter(cleaned)
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in _WRITTEN_BY_WRITER:
            record = reader.get_record(name)
            if name.endswith(".py"):
                record = _CONSTANTS.sub(lambda lines: b"".join(sorted(lines[0].splitlines(keepends=True))), record)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return cleaned.getvalue()


# A class's constants stand in the order of a set, which differs from process to process.
_CONSTANTS = re.compile(rb"(?:^  \w+ : Final\[\w+\] = .*\n)+", re.MULTILINE)
_WRITTEN_BY_WRITER = (".data/serialization_id", "version", "byteorder", ".format_version", ".storage_alignment")


def _strip_metadata(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    del proto.metadata_props[:]
    del graph.metadata_props[:]
    proto.doc_string = graph.doc_string = ""
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.value_info[:]


def _check_shapes(proto: onnx.ModelProto, signature: Signature) -> None:
    """A frozen batch is written without an error and fails only when served, so it is looked for here."""
    for found, expected in zip((*proto.graph.input, *proto.graph.output), (*signature.inputs, *signature.outputs),
                               strict=True):  # fmt: skip
        sizes = found.type.tensor_type.shape.dim
        if not sizes or not sizes[0].dim_param:
            frozen = sizes[0].dim_value if sizes else "none"
            raise ExportError(f"The ONNX export froze the batch of {expected.name!r} to {frozen}; it must stay free.")
        rest = [size.dim_value for size in sizes[1:]]
        if rest != list(expected.shape[1:]):
            raise ExportError(
                f"The model's {expected.name!r} has the row shape {rest}, not {list(expected.shape[1:])}."
            )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the notes of exporters and converters (absent torchvision, deprecations inside torch) off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level, disabled = logger.level, logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        logger.setLevel(level)


def _cause(problem: BaseException) -> str:
    """The first line of what was wrong at the bottom of a chain of errors."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
