"""Which requests are bulk: `POST /predict/…` whose media type is a table's."""

from __future__ import annotations

CSV, NDJSON = "text/csv", "application/x-ndjson"
# media type -> the protocol's name in metrics
NAMES = {CSV: "csv", NDJSON: "ndjson"}
_PREFIX = "/predict/"


def bulk_kind(method: str, path: str, content_type: str | None) -> str | None:
    """The media type where this is a bulk request, else None."""
    if content_type is None or method != "POST" or not path.startswith(_PREFIX):
        return None
    kind = content_type.partition(";")[0].strip().lower()
    return kind if kind in NAMES else None
