"""What is printed when everything answers: the address, the page, and a request to paste."""

from __future__ import annotations

import json
import math
import shlex
from typing import Any

from mulgam.registry import Entry
from mulgam.signature import Feature, Signature
from service.settings import Settings

# A line to paste should fit a terminal: models with more features are only named.
MAX_FEATURES = 12


def greeting(settings: Settings, entries: list[Entry]) -> str:
    """Several lines for a person."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 # nosec B104 # compared, not bound
    address = f"http://[{host}]" if ":" in host else f"http://{host}"
    rpc = f", V2 over gRPC: port {settings.grpc_port}" if settings.grpc_port else ""
    lines = [f"\nMulgam serves {address}:{settings.port} (health and metrics: port {settings.admin_port}{rpc})"]
    for entry in entries:
        lines.append(f"  {entry.model}, version {entry.version}, {entry.signature.task}, digest {entry.digest[:12]}")
    if settings.shows_page:
        lines.append(f"Open {address}:{settings.port}/ in a browser.")
    short = [
        entry for entry in entries if len(entry.signature.features) <= MAX_FEATURES and not entry.signature.tensors
    ]
    if short:
        entry = min(short, key=lambda one: len(one.signature.features))
        body = json.dumps({"instances": [example(entry.signature)]}, ensure_ascii=False)
        key = ['    -H "Authorization: Bearer $KEY" \\'] if settings.api_keys_file else []
        lines += [
            "Or try:" if settings.shows_page else "Try:",
            f"  curl {address}:{settings.port}/predict/{entry.model} \\",
            *key,
            f"    -H 'Content-Type: application/json' -d {shlex.quote(body)}",
        ]
    return "\n".join(lines)


def example(signature: Signature) -> dict[str, Any]:
    """An instance from the middle of what training saw."""
    return {feature.name: _value(feature) for feature in signature.features}


def _value(feature: Feature) -> Any:
    if feature.type == "number":
        low, high = feature.minimum or 0.0, feature.maximum or 0.0
        middle = (low + high) / 2
        if low == int(low) and high == int(high):
            return int(middle)  # a count, as far as one can tell
        digits = 2 - math.floor(math.log10(abs(middle))) if middle else 0
        rounded = round(middle, digits)
        return int(rounded) if rounded == int(rounded) else rounded
    if feature.type == "boolean":
        return True
    return feature.vocabulary[0] if feature.vocabulary else "text"
