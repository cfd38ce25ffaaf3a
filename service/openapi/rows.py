"""Our own JSON and KServe V1 as JSON Schema: rows in, predictions out, by a signature."""

from __future__ import annotations

from mulgam.signature import Signature
from service.openapi.features import value
from service.openapi.schema import Json, any_of, listed, nested, plain, record, row


def instance(signature: Signature, *, rejects_out_of_range: bool = False) -> Json:
    """One row: an object with every feature, a list in their order, or the bare value of a text or of one tensor."""
    features = signature.features
    values = {feature.name: value(feature, rejects_out_of_range=rejects_out_of_range) for feature in features}
    named = record(values, is_open=False) | {"title": "by name"}
    if len(signature.tensors) == len(features) == 1:
        return any_of([named, next(iter(values.values())) | {"title": "the tensor alone"}])
    ways = [named, row(list(values.values())) | {"title": "in order"}]
    if signature.text is not None and len(features) == 1:
        ways.append({"type": "string", "title": "the text alone"})
    return any_of(ways)


def request(rows: Json, most: int, name: str = "instances") -> Json:
    """`{"instances": […]}` with at most so many rows."""
    return record({name: listed(rows, 1, most)}, is_open=False)


def prediction(signature: Signature, *, every: bool = False) -> Json:
    """The answer to one row: a number, a label with its probability (with those of `every` class), or a tensor."""
    target = signature.target
    if target.shape is not None:
        return nested(target.shape, {"type": "number"})
    if not target.classes:
        told = {"description": f"In {plain(target.unit)}.", "x-unit": target.unit} if target.unit else {}
        return {"type": "number", **told}
    probability = {"type": "number", "minimum": 0, "maximum": 1.0001}
    classes = list(target.classes)
    shares = record({name: probability for name in classes}) | {"description": "With `?probabilities=all`."}
    return record(
        {"label": {"enum": classes}, "probability": probability}, {"probabilities": shares} if every else None
    )


def answer(signature: Signature, version: int) -> Json:
    """The answer in our own JSON."""
    predictions = listed(prediction(signature, every=True), 1)
    return record({"model": {"const": signature.model}, "version": {"const": version}, "predictions": predictions})


def line(signature: Signature) -> Json:
    """A line of an NDJSON answer."""
    told = prediction(signature)
    right = told if signature.target.classes else record({"prediction": told})
    return any_of([right, record({"error": {"type": "string"}, "code": {"type": "string"}})])
