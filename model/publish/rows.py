"""The rows that a brought model is tried with: given ones, or drawn from its signature."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.errors import PublishError
from model.release import golden_requests
from mulgam.encoding.encoder import Encoder
from mulgam.errors import InputError
from mulgam.golden import Golden
from mulgam.signature import Feature, Signature

MOST_ROWS, MOST_VALUES = 256, 1_000_000
GOLDEN_ROWS = 64
_SEED = 7


def tried(signature: Signature) -> list[Any]:
    """Rows within the ranges that the signature names, seeded; fewer where one row is large."""
    count = max(3, min(MOST_ROWS, MOST_VALUES // golden_requests.row_elements(signature)))
    return [golden_requests.named(row, signature.features) for row in golden_requests.draw(signature, count, _SEED)]


def given(paths: Sequence[Path], signature: Signature) -> list[Any]:
    """Instances from CSV (a header with the features' names) or JSON files (a list, or "instances"); none of none.

    Raises:
        PublishError: a file can't be read, or a row does not fit the signature.
    """
    if not paths:
        return []
    rows = [row for path in paths for row in (_json(path) if path.suffix == ".json" else _csv(path, signature))]
    try:
        Encoder(signature).encode(rows)
    except InputError as problem:
        raise PublishError(f"The golden rows do not fit the signature: {problem}") from problem
    return rows


def golden(signature: Signature, rows: list[Any], module: Any) -> list[Golden]:
    """One golden request of one row, and one of the next up to `GOLDEN_ROWS`."""
    encoder = Encoder(signature)
    parts = [part for part in (rows[:1], rows[1:GOLDEN_ROWS]) if part]
    return [Golden(part, golden_requests.answer(module, signature, encoder.encode(part))) for part in parts]


def _json(path: Path) -> list[Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise PublishError(f"{path} is no JSON that can be read: {problem}.") from problem
    rows = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not rows:
        raise PublishError(f'{path} must hold a list of rows, or {{"instances": [...]}}.')
    return rows


def _csv(path: Path, signature: Signature) -> list[Any]:
    if signature.tensors:
        raise PublishError(f"{path}: tensors do not fit a table; give the rows as JSON.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            lacking = [one.name for one in signature.features if one.name not in (table.fieldnames or [])]
            if lacking:
                raise PublishError(f"{path} has no column {lacking[0]!r}.")
            rows = [
                {one.name: _value(one, row[one.name], f"{path}, line {table.line_num}") for one in signature.features}
                for row in table
            ]
    except OSError as problem:
        raise PublishError(f"{path} can't be read: {problem.strerror}.") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise PublishError(f"{path} is no CSV in UTF-8: {problem}.") from problem
    if not rows:
        raise PublishError(f"{path} has no row.")
    return rows


def _value(feature: Feature, cell: str | None, where: str) -> Any:
    if cell is None:
        raise PublishError(f"{where} has fewer cells than the header.")
    if cell == "" and feature.missing:
        return None
    if feature.type == "boolean" and cell in ("true", "false"):
        return cell == "true"
    if feature.type != "number":
        return cell
    try:
        return float(cell)
    except ValueError as problem:
        raise PublishError(f"{where}: {feature.name} is {cell!r}, which is no number.") from problem
