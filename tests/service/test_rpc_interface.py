"""The gRPC interface is the published one: other people's clients were made from the same names and numbers."""

from __future__ import annotations

from typing import Any

import pytest
from tritonclient.grpc import service_pb2 as others

from service.rpc import open_inference_pb2 as ours

METHODS = (
    "ServerLive", "ServerReady", "ServerMetadata", "ModelReady", "ModelMetadata", "ModelInfer", "RepositoryIndex",
)  # fmt: skip


def shape(message: Any) -> dict[str, Any]:
    """A message's fields: number, type, whether repeated, and what is inside."""
    return {
        field.name: (
            field.number,
            field.type,
            field.is_repeated,
            shape(field.message_type) if field.message_type else None,
            field.containing_oneof.name if field.containing_oneof else None,
        )
        for field in message.fields
    }


@pytest.mark.parametrize("name", sorted(ours.DESCRIPTOR.message_types_by_name))
def test_every_message_is_the_published_one(name: str) -> None:
    """Field by field, down to the innermost."""
    assert shape(ours.DESCRIPTOR.message_types_by_name[name]) == shape(others.DESCRIPTOR.message_types_by_name[name])


def test_every_method_is_the_published_one() -> None:
    """With the messages that it takes and gives."""
    (service,) = ours.DESCRIPTOR.services_by_name.values()
    (theirs,) = others.DESCRIPTOR.services_by_name.values()
    assert service.full_name == theirs.full_name
    assert set(service.methods_by_name) == set(METHODS)
    for name in METHODS:
        one, other = service.methods_by_name[name], theirs.methods_by_name[name]
        assert (one.input_type.full_name, one.output_type.full_name) == (
            other.input_type.full_name,
            other.output_type.full_name,
        )
