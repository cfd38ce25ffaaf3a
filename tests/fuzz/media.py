"""What schemathesis does not know of our media types: loaded by it (SCHEMATHESIS_HOOKS), in its own process."""

from __future__ import annotations

from typing import Any

import schemathesis

from mulgam.tensors import CONTENT_TYPE
from service.bulk.kinds import NDJSON


@schemathesis.serializer(NDJSON)
def lines(_: Any, value: Any) -> bytes:
    """A body of lines as it was made."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.deserializer(CONTENT_TYPE, NDJSON)
def as_text(_: Any, response: Any) -> str:
    """Binary tensors and lines of JSON: to the document they are a string."""
    return str(response.content.decode("latin-1"))
