"""Is an ONNX file self-contained? A tensor in it may name another file to read its data from.

SHA256SUMS does not cover such a file, and a runtime follows the name when it loads the graph. So the file is
walked first, with nothing but the protobuf wire format. Field numbers: `onnx/onnx.proto` of the ONNX project.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mulgam.errors import RegistryError

# Message -> its fields that hold messages through which a tensor can be reached.

_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of TensorProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_self_contained(path: Path) -> None:
    """Refuse an ONNX file that would have other files read; see `check_content`."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise RegistryError(f"{path} can't be read: {problem.strerror}.") from problem
    check_content(content, path)


def check_content(content: bytes, path: Path) -> None:
    """Refuse the content of an ONNX file that would have other files read.

    Raises:
        RegistryError: a tensor's data lies outside the file, or it is not protobuf.
    """
    try:
        external = _has_external(memoryview(content), "model")
    except (IndexError, ValueError, RecursionError) as problem:
        raise RegistryError(f"{path} is not an ONNX file.") from problem
    if external:
        raise RegistryError(f"{path} keeps tensors in another file; a version's graph must be one file.")


def _has_external(message: memoryview, kind: str) -> bool:
    for number, value in _fields(message):
        if kind == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value):
                return True
        elif isinstance(value, memoryview) and number in _MESSAGES[kind] and _has_external(
            value, _MESSAGES[kind][number]
        ):  # fmt: skip
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of one message: (number, bytes or integer); ValueError or IndexError where it is none."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if position + size > len(message):
            raise ValueError("a field is longer than its message")
        yield number, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("an integer is too long")
