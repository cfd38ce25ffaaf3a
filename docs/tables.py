"""`python -m docs.tables`: write the pages' tables (settings, recipe keys, paths, codes, series) from the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path

from model.recipe.sections import SECTIONS
from model.recipe.writing import toml
from service.codes import CODES
from service.metrics import rendering
from service.openapi.describing import HEALTH_ROUTES, PAGES, ROUTES
from service.openapi.predicting import FORMS
from service.protocols.paths import PATHS
from service.settings import described

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- made by docs/tables.py: begin -->\n", "<!-- made by docs/tables.py: end -->\n"


def settings() -> str:
    """Every environment variable of a serving process, as Markdown."""
    lines = ["| variable | default | what |", "|---|---|---|"]
    for name, default, text in described():
        escaped = text.replace("|", "\\|")
        lines.append(f"| `{name}` | `{default}` | {escaped} |")
    return "\n".join(lines) + "\n"


def recipe_keys() -> str:
    """Every key of a recipe, as Markdown."""
    lines = [
        "| key | default | what |", "|---|---|---|",
        "| `name` | – | of the model: letters, digits, `-`, `_`; at most 63 |",
        "| `description` | none | a sentence for the signature and the report |",
    ]  # fmt: skip
    for name, section in SECTIONS.items():
        lines.append(f"| **`[{name}]`** | | {(section.__doc__ or '').strip().splitlines()[0]} |")
        for item in fields(section):
            default = {} if item.default is MISSING else item.default
            shown = item.metadata["shown"] or f"`{toml(default)}`"
            lines.append(f"| `{item.name}` | {shown} | {item.metadata['description']} |")
    return "\n".join(lines) + "\n"


def http_paths() -> str:
    """Every path of the public listener, as Markdown."""
    rows = [("POST", template, FORMS[protocol.name].told) for template, protocol in PATHS]
    rows += [(one.method.upper(), one.path, one.summary) for one in (*ROUTES, *HEALTH_ROUTES, *PAGES)]
    return "| path | what |\n|---|---|\n" + "".join(f"| `{method} {path}` | {what} |\n" for method, path, what in rows)


def error_codes() -> str:
    """Every code of an error with its status, as Markdown."""
    rows = [f"| {code.status} | `{code.name}` | {code.meaning} |\n" for code in CODES]
    return "| status | code | when |\n|---|---|---|\n" + "".join(rows)


def series() -> str:
    """Every series of the gateways, as Markdown."""
    rows = [
        f"| `{name}` | {kind} | {', '.join(labels)} | {what} |\n" for name, kind, labels, what in rendering.described()
    ]
    return "| series | type | labels | what |\n|---|---|---|---|\n" + "".join(rows)


# Page -> its tables in the order of their marks.
TABLES: Mapping[str, Sequence[Callable[[], str]]] = {
    "settings.md": (settings,), "recipes.md": (recipe_keys,), "http.md": (http_paths, error_codes),
    "operations.md": (series,),
}  # fmt: skip


def rendered(page: str, tables: Sequence[Callable[[], str]]) -> str:
    """The page with the present tables between their marks."""
    pieces = re.split(f"{re.escape(BEGIN)}.*?{re.escape(END)}", page, flags=re.DOTALL)
    made = [f"{BEGIN}{table()}{END}" for table in tables]
    return "".join(piece + table for piece, table in zip(pieces, [*made, ""], strict=True))


if __name__ == "__main__":
    for file, tables in TABLES.items():
        page = FOLDER / file
        page.write_text(rendered(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
