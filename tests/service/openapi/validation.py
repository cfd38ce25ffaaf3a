"""The document as a judge: whether a body is what one of its schemas says."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = "urn:document"


class Judge:
    """Validates bodies by the schemas of a document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._registry = Registry().with_resource(DOCUMENT, Resource(document, DRAFT202012))
        # By the schema's identity; it is kept beside its validator, so that no other one takes that.
        self._validators: dict[int, tuple[Any, Draft202012Validator]] = {}

    def problems(self, schema: dict[str, Any], body: Any) -> list[str]:
        """What in the body is not as the schema (of the document, with its references) says."""
        if id(schema) not in self._validators:
            validator = Draft202012Validator(absolute(schema), registry=self._registry)
            self._validators[id(schema)] = (schema, validator)
        _, validator = self._validators[id(schema)]
        return [f"{'/'.join(map(str, one.path))}: {one.message[:300]}" for one in validator.iter_errors(body)]

    def takes(self, schema: dict[str, Any], body: Any) -> bool:
        """Whether it is as the schema says."""
        return self.problems(schema, body) == []

    def component(self, name: str) -> dict[str, Any]:
        """A schema by its name."""
        return {"$ref": f"#/components/schemas/{name}"}

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(path, method, operation) of all."""
        return [
            (path, method, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        ]

    def response(self, operation: dict[str, Any], status: int) -> dict[str, Any]:
        """What the document says of a status of an operation; its default where it names it not."""
        found = operation["responses"].get(str(status)) or operation["responses"]["default"]
        return resolved(self.document, found)


def resolved(document: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """The item itself, or what it refers to."""
    reference = item.get("$ref")
    if reference is None:
        return item
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def absolute(schema: Any) -> Any:
    """The schema with references into the document, whatever document it stands in."""
    if isinstance(schema, list):
        return [absolute(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: f"{DOCUMENT}{value}" if name == "$ref" else absolute(value) for name, value in schema.items()}
