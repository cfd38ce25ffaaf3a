"""`python -m docs.tables`: write the tables of settings and of recipe keys into the pages, from the code itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path

from model.recipe.sections import SECTIONS
from model.recipe.writing import toml
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


TABLES: Mapping[str, Callable[[], str]] = {"settings.md": settings, "recipes.md": recipe_keys}


def rendered(page: str, table: Callable[[], str]) -> str:
    """The page with the present table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    for file, table in TABLES.items():
        page = FOLDER / file
        page.write_text(rendered(page.read_text(encoding="utf-8"), table), encoding="utf-8")
