"""Objects against their schemas, unknown fields too: Kubernetes' own, and the part of the operator's that we use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deploy.manifests.objects import Manifests, Object

KUBERNETES_VERSION = "1.34"
_DURATION = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d))+$"}
_WORDS = {"type": "object", "additionalProperties": {"type": "string"}}


def _fields(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": item}


# monitoring.coreos.com/v1, cut down to the fields that stand in our manifests: another one is refused until it is
# looked up and added here.
_OPERATOR = {
    "ServiceMonitor": _fields(
        ("selector", "endpoints"),
        selector=_fields(matchLabels=_WORDS),
        endpoints=_list(
            _fields(
                ("port",), port={"type": "string"}, path={"type": "string"}, interval=_DURATION, scrapeTimeout=_DURATION
            )
        ),
    ),
    "PrometheusRule": _fields(
        ("groups",),
        groups=_list(
            _fields(
                ("name", "rules"),
                name={"type": "string"},
                interval=_DURATION,
                rules=_list(
                    _fields(
                        ("expr",), record={"type": "string"}, alert={"type": "string"}, expr={"type": "string"},
                        labels=_WORDS, annotations=_WORDS, **{"for": _DURATION},
                    )
                ),
            )
        ),
    ),
}  # fmt: skip


class Schemas:
    """Checks objects; what has been found of an object is kept, since combinations share most of theirs.

    Needs the group `manifests` of pyproject.toml.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}

    def violations(self, manifests: Manifests) -> Iterator[str]:
        """One sentence for each object that its schema refuses."""
        for document in manifests.objects:
            key = json.dumps(document, sort_keys=True)
            if key not in self._known:
                self._known[key] = list(_violations(document))
            yield from self._known[key]


def _violations(document: Object) -> Iterator[str]:
    import jsonschema
    import kubernetes_validate

    name = f"{document['kind']} {document['metadata']['name']}"
    try:
        if document["kind"] in _OPERATOR:
            jsonschema.validate(document["spec"], _OPERATOR[document["kind"]])
        else:
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
    except jsonschema.ValidationError as problem:
        yield f"{name}: {'.'.join(map(str, problem.path)) or 'it'}: {problem.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{name}: Kubernetes {KUBERNETES_VERSION} has no {document['kind']} in {document['apiVersion']}."
