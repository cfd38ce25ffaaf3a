"""`python -m docs.settings`: write the table of settings into docs/settings.md, from the code that reads them."""

from __future__ import annotations

from pathlib import Path

from service.settings import described

PAGE = Path(__file__).with_suffix(".md")
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def table() -> str:
    """The table, as Markdown."""
    lines = ["| variable | default | what |", "|---|---|---|"]
    for name, default, text in described():
        escaped = text.replace("|", "\\|")
        lines.append(f"| `{name}` | `{default}` | {escaped} |")
    return "\n".join(lines) + "\n"


def rendered(page: str) -> str:
    """The page with the present table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
