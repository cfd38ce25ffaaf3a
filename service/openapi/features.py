"""A feature as JSON Schema: what the encoder (`mulgam/encoding/`) takes for it, no more and no less.

What was seen in training is told, not demanded: an unseen word and a longer text are answered too, and a number outside
of its range where the service does not refuse it.
"""

from __future__ import annotations

import numpy as np

from mulgam.encoding.largest import FLOAT32_MAX, LARGEST
from mulgam.signature import Feature
from mulgam.tensors import DTYPES
from service.openapi.schema import Json, nested, or_null, plain

# Of a vocabulary; the whole of it is in GET /models/<model>.
MOST_WORDS = 100


def value(feature: Feature, *, rejects_out_of_range: bool = False) -> Json:
    """The schema of one value of a feature; a number's range is demanded where others are refused."""
    if feature.type == "tensor":
        shape, datatype = feature.shape or (), feature.datatype or ""
        return _told(nested(shape, element(datatype)), f"{datatype} {list(shape)}.")
    schema = {"number": _number, "category": _category, "boolean": _boolean, "text": _text}[feature.type](feature)
    if rejects_out_of_range and feature.type == "number":
        bounds = {"minimum": feature.minimum, "maximum": feature.maximum}
        schema |= {word: bound for word, bound in bounds.items() if bound is not None}
    return or_null(schema) if feature.missing else schema


def element(datatype: str) -> Json:
    """The schema of one element of a tensor of numbers or booleans."""
    dtype = DTYPES[datatype]
    if dtype.kind == "b":
        return {"type": "boolean"}
    if dtype.kind == "f":
        most = LARGEST[datatype]
        return {"type": "number", "minimum": -most, "maximum": most}
    bounds = np.iinfo(dtype)
    return {"type": "integer", "minimum": int(bounds.min), "maximum": int(bounds.max)}


def _number(feature: Feature) -> Json:
    schema: Json = {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX}
    seen = [feature.minimum, feature.maximum]
    if None not in seen:
        unit = f" {plain(feature.unit)}" if feature.unit else ""
        schema = _told(schema, f"In training {seen[0]:g} to {seen[1]:g}{unit}.") | {"x-training-range": seen}
    return schema | ({"x-unit": feature.unit} if feature.unit else {})


def _category(feature: Feature) -> Json:
    words = feature.vocabulary
    more = f" There are {len(words)} in all." if len(words) > MOST_WORDS else ""
    sentence = f"A word; one that training has not seen counts as unseen.{more}"
    return _told({"type": ["string", "integer"], "examples": list(words[:MOST_WORDS])}, sentence)


def _boolean(_: Feature) -> Json:
    return {"type": "boolean"}


def _text(feature: Feature) -> Json:
    return _told({"type": "string", "x-length": feature.length}, f"The first {feature.length} characters count.")


def _told(schema: Json, sentence: str) -> Json:
    return schema | {"description": sentence}
