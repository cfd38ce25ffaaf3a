"""What the describing routes answer, as JSON Schema."""

from __future__ import annotations

from service.openapi.schema import Json, listed, record


def schemas() -> dict[str, Json]:
    """The answers that these routes name."""
    text, yes = {"type": "string"}, {"type": "boolean"}
    number, amount, anything = {"type": "integer"}, {"type": "number"}, {"type": "object"}
    state = {"enum": ["ready", "starting", "wrong", "unavailable", "stopping"]}
    summary = {
        "name": text, "version": number, "task": {"enum": ["regression", "classification", "generic"]},
        "description": text, "synthetic": yes, "digest": text, "runtime": text, "precision": text,
        "ready": yes, "state": state, "score": {"type": ["object", "null"]},
    }  # fmt: skip
    tensor = record({"name": text, "datatype": text, "shape": listed(number)})
    indexed = {"name": text, "version": text, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": text}
    return {
        "Models": record({"version": text, "backend": text, "links": anything, "models": listed(record(summary))}),
        "Model": record(summary | {"signature": anything, "metrics": anything, "typical": anything}),
        "Stats": record({
            "model": text, "version": number, "state": state, "seconds": amount, "rate": amount,
            "codes": {"type": "object", "additionalProperties": number},
            "latency": {"type": ["object", "null"], "additionalProperties": amount},
            "batch_rows": {"type": ["number", "null"]}, "in_flight": number, "answered": number, "drift": anything,
        }),
        "Document": anything,
        "V1Models": record({"models": listed(text)}),
        "V1Model": record({"name": text, "ready": yes}),
        "V2Server": record({"name": text, "version": text, "extensions": listed(text)}),
        "V2Model": record({
            "name": text, "versions": listed(text), "platform": text, "inputs": listed(tensor),
            "outputs": listed(tensor),
        }),
        "V2Index": listed(record(indexed)),
        "V2IndexAsked": {"type": "object", "properties": {"ready": yes}},
        "Alive": record({"status": {"const": "alive"}}),
        "Readiness": record({
            "status": {"enum": ["ready", "not ready"]},
            "models": {"type": "object", "additionalProperties": yes},
        }),
    }  # fmt: skip
