"""Section: what makes this model again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.report.blocks import Code, Note, Section, Table


def section(environment: Mapping[str, Any], recipe: str) -> Section:
    """The command, the data's checksum, the versions and the recipe as run."""
    data = environment["data"]
    libraries = ", ".join(f"{name} {version}" for name, version in environment["libraries"].items())
    where = f"{environment['device']}, {environment['threads']} thread(s), {environment['platform']}"
    rows = [
        ["data", f"{data['rows']:,} rows × {data['features']:,} features"],
        ["its sha256", data["sha256"]],
        ["trained on", f"{where}, seed {environment['seed']}"],
        ["versions", f"mulgam {environment['mulgam']}, Python {environment['python']}, {libraries}"],
    ]
    return Section(
        "What reproduces it",
        [
            Note("The recipe below, beside its table, trains the same model again on the same machine's CPU:"),
            Code("python -m model recipe.toml"),
            Table(["", ""], rows),
            Code(recipe),
        ],
    )
