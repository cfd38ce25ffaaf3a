"""The binary tensor encoding of the Open Inference Protocol V2: JSON header, then raw little-endian tensors.

One codec serves every binary road: gateway to TorchServe handler, gateway to another V2 server, and V2
clients to the gateway. Source: kserve/open-inference-protocol `inference_rest.md` and Triton's
`extension_binary_data.md`. The length of the JSON part travels in the HTTP header `LENGTH_HEADER`.
"""

from __future__ import annotations

import functools
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from mulgam.errors import InputError

# Tensors by name.
Arrays = dict[str, npt.NDArray[Any]]

LENGTH_HEADER = "Inference-Header-Content-Length"
CONTENT_TYPE = "application/octet-stream"

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
NAMES: Mapping[np.dtype[Any], str] = {dtype: name for name, dtype in DTYPES.items()}

# Far above what any request needs; they keep a hostile one from costing anything.
MAX_RANK, MAX_ELEMENTS, MAX_TENSORS = 8, 2**40, 64
Section = Literal["inputs", "outputs"]


class Form(NamedTuple):
    """What the JSON part says of one tensor whose bytes follow it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    size: int

    def document(self) -> dict[str, Any]:
        """As it stands there."""
        size = {"binary_data_size": self.size}
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape), "parameters": size}


@dataclass(frozen=True)
class Head:
    """The JSON part of a body, checked as far as that can be done without the bytes that follow."""

    section: Section
    forms: tuple[Form, ...]
    parameters: Mapping[str, Any]
    id: str | None

    def tensors(self, raw: memoryview) -> Arrays:
        """The tensors in the bytes that follow.

        Raises:
            InputError: WRONG_SIZE or BAD_BYTES.
        """
        tensors: Arrays = {}
        offset = 0
        for position, form in enumerate(self.forms):
            tensors[form.name] = _array(form, f"{self.section}[{position}]", raw[offset:])
            offset += form.size
        if offset != len(raw):
            raise InputError("WRONG_SIZE", f"{len(raw) - offset} bytes are left over after the last tensor.")
        return tensors


@dataclass(frozen=True)
class Message:
    """A decoded request or response: its tensors by name, its parameters, its id."""

    tensors: Arrays
    parameters: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


def rows_of(tensors: Arrays) -> int:
    """How many rows tensors have, all of them as many."""
    return len(next(iter(tensors.values())))


def encode(
    section: Section,
    tensors: Mapping[str, npt.NDArray[Any]],
    parameters: Mapping[str, Any] | None = None,
    outputs: Sequence[Mapping[str, Any]] = (),
) -> tuple[int, bytes]:
    """Tensors as one body.

    Args:
        section: "inputs" for a request, "outputs" for a response.
        tensors: name -> array; object and string arrays become BYTES.
        parameters: JSON values to send along.
        outputs: in a request, descriptions of the outputs that are wanted; none means all.

    Returns:
        (length of the JSON part, whole body).

    Raises:
        TypeError: an element of an object array is neither text nor bytes.
    """
    raw = [raw_bytes(array) for array in tensors.values()]
    header = json_part(section, forms(tensors, raw), parameters, outputs)
    return len(header), b"".join((header, *raw))


def forms(tensors: Mapping[str, npt.NDArray[Any]], raw: Sequence[bytes]) -> tuple[Form, ...]:
    """What is to be said of tensors whose bytes are these."""
    return tuple(
        Form(name, datatype_of(array.dtype) or "BYTES", array.shape, len(data))
        for (name, array), data in zip(tensors.items(), raw, strict=True)
    )


def json_part(
    section: Section,
    described: Sequence[Form],
    parameters: Mapping[str, Any] | None = None,
    outputs: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """The JSON before the tensors' bytes; arguments as `encode` has them."""
    document: dict[str, Any] = {section: [form.document() for form in described]}
    if parameters:
        document["parameters"] = dict(parameters)
    if outputs:
        document["outputs"] = list(outputs)
    return json.dumps(document, separators=(",", ":")).encode()


def raw_bytes(array: npt.NDArray[Any]) -> bytes:
    """The elements as the extension writes them: little-endian, row-major; texts with their length each.

    Raises:
        TypeError: an element of an object array is neither text nor bytes.
    """
    datatype = datatype_of(array.dtype)
    return _bytes_elements(array) if datatype is None else array.astype(DTYPES[datatype], copy=False).tobytes()


@functools.lru_cache(64)
def datatype_of(dtype: np.dtype[Any]) -> str | None:
    """The protocol's name for a type of elements in either byte order; None for texts and bytes."""
    return NAMES.get(dtype.newbyteorder("<"))


def decode(section: Section, body: bytes | bytearray | memoryview, header_length: int | str | None) -> Message:
    """The message in a body.

    Args:
        section: which list to read, "inputs" or "outputs".
        body: JSON, then raw tensors.
        header_length: the value of `LENGTH_HEADER`; None means that the whole body is JSON.

    Raises:
        InputError: with code BAD_HEADER_LENGTH, BAD_JSON, NOT_AN_OBJECT, MISSING_FIELD, TOO_MANY_TENSORS,
            WRONG_DATATYPE, WRONG_SHAPE, WRONG_SIZE, BAD_BYTES or DUPLICATE_KEY and the tensor it is about.
    """
    view = memoryview(body)
    length = checked_header_length(header_length, len(view))
    head = read_head(section, view[:length])
    return Message(head.tensors(view[length:]), head.parameters, head.id)


def read_head(section: Section, header: bytes | memoryview) -> Head:
    """The JSON part of a body; raises InputError as `decode`."""
    document = _document(header)
    described = document.get(section)
    if not isinstance(described, list):
        raise InputError("MISSING_FIELD", f"The request has no list {section!r}.", field=section)
    if len(described) > MAX_TENSORS:
        raise InputError("TOO_MANY_TENSORS", f"{section} may have at most {MAX_TENSORS} tensors.", field=section)
    found: dict[str, Form] = {}
    for position, item in enumerate(described):
        form = form_of(item, f"{section}[{position}]")
        if form.name in found:
            raise InputError("DUPLICATE_KEY", f"{section}[{position}] is named like an earlier one.", field=section)
        found[form.name] = form
    parameters = document.get("parameters")
    given = document.get("id")
    return Head(
        section,
        tuple(found.values()),
        parameters if isinstance(parameters, dict) else {},
        given if isinstance(given, str) else None,
    )


def checked_header_length(value: int | str | None, size: int) -> int:
    """The length of the JSON part of a body of `size` bytes; raises InputError BAD_HEADER_LENGTH."""
    if value is None:
        return size
    text = str(value)
    # Twelve digits are a terabyte: longer ones would only cost time to parse.
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and 0 < int(text) <= size):
        raise InputError("BAD_HEADER_LENGTH", f"{LENGTH_HEADER} must be a number from 1 to the body's {size} bytes.")
    return int(text)


def _document(header: bytes | memoryview) -> dict[str, Any]:
    try:
        # As text: json.loads would take UTF-16 and UTF-32 in bytes.
        document = json.loads(str(header, "utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise InputError("BAD_JSON", "The JSON part of the request is not valid JSON.") from problem
    if not isinstance(document, dict):
        raise InputError("NOT_AN_OBJECT", "The JSON part of the request must be an object.")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def described_tensor(item: object, where: str) -> tuple[str, str, list[int], dict[str, Any]]:
    """Name, datatype, shape and the whole description of one tensor, checked.

    Raises:
        InputError: MISSING_FIELD, WRONG_SHAPE, WRONG_DATATYPE or BAD_PARAMETER.
    """
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise InputError("MISSING_FIELD", f"{where} must be an object with a name.", field=where)
    datatype, shape = item.get("datatype"), _shape(item.get("shape"), where)
    if not isinstance(datatype, str) or (datatype != "BYTES" and datatype not in DTYPES):
        known = ", ".join((*DTYPES, "BYTES"))
        raise InputError("WRONG_DATATYPE", f"{where}: datatype must be one of {known}.", field=where)
    if not isinstance(item.get("parameters", {}), dict | None):
        raise InputError("BAD_PARAMETER", f"{where}.parameters must be an object.", field=where)
    return item["name"], datatype, shape, item


def raw_tensor(item: object, where: str, raw: memoryview) -> tuple[str, npt.NDArray[Any], int]:
    """One described tensor: its name, its array, and how many raw bytes it took.

    Raises:
        InputError: the description is wrong, or the bytes are not what it says.
    """
    form = form_of(item, where)
    return form.name, _array(form, where, raw), form.size


def form_of(item: object, where: str) -> Form:
    """What the JSON part says of one tensor whose bytes follow; raises InputError as `raw_tensor`."""
    name, datatype, shape, description = described_tensor(item, where)
    size = (description.get("parameters") or {}).get("binary_data_size")
    if type(size) is not int or size < 0:
        raise _wrong_size(where)
    return Form(name, datatype, tuple(shape), size)


def _wrong_size(where: str) -> InputError:
    sentence = f"{where}: binary_data_size must be a number of bytes that the body holds."
    return InputError("WRONG_SIZE", sentence, field=where)


def _array(form: Form, where: str, raw: memoryview) -> npt.NDArray[Any]:
    if form.size > len(raw):
        raise _wrong_size(where)
    count = math.prod(form.shape)
    data = raw[: form.size]
    if form.datatype == "BYTES":
        return _bytes_array(data, count, where).reshape(form.shape)
    dtype = DTYPES[form.datatype]
    if form.size != count * dtype.itemsize:
        raise InputError(
            "WRONG_SIZE",
            f"{where}: shape and datatype take {count * dtype.itemsize} bytes, there are {form.size}.",
            field=where,
        )
    array = np.frombuffer(data, dtype=dtype)
    if form.datatype == "BOOL":
        # numpy would carry a 2 along as a boolean that equals neither.
        array = array.view(np.uint8) != 0
    return array.reshape(form.shape)


def _shape(value: object, where: str) -> list[int]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_RANK:
        raise InputError("WRONG_SHAPE", f"{where}: shape must be a list of 1 to {MAX_RANK} integers.", field=where)
    for size in value:
        if type(size) is not int or size < 0:
            raise InputError("WRONG_SHAPE", f"{where}: a dimension must be a whole number from 0 on.", field=where)
    # Without the zeros: numpy multiplies the others all the same.
    if math.prod(size or 1 for size in value) > MAX_ELEMENTS:
        raise InputError("WRONG_SHAPE", f"{where}: the shape is larger than any request.", field=where)
    return value


def _bytes_elements(array: npt.NDArray[Any]) -> bytes:
    parts = []
    for element in array.ravel().tolist():
        data = element.encode() if isinstance(element, str) else element
        if not isinstance(data, bytes):
            raise TypeError(f"an element must be text or bytes, not {type(element).__name__}")
        parts.append(struct.pack("<I", len(data)) + data)
    return b"".join(parts)


def _bytes_array(data: memoryview, count: int, where: str) -> npt.NDArray[Any]:
    elements: list[bytes] = []
    offset = 0
    while offset < len(data):
        end = offset + 4
        if end > len(data):
            raise InputError("BAD_BYTES", f"{where}: the last element is cut off.", field=where)
        (length,) = struct.unpack("<I", data[offset:end])
        if end + length > len(data):
            raise InputError("BAD_BYTES", f"{where}: an element is longer than the tensor.", field=where)
        elements.append(bytes(data[end : end + length]))
        offset = end + length
    if len(elements) != count:
        raise InputError("WRONG_SIZE", f"{where}: {len(elements)} elements for a shape of {count}.", field=where)
    array = np.empty(count, dtype=object)
    array[:] = elements
    return array
