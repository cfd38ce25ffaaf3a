"""What Sphinx is told. The pages themselves are plain Markdown, written to be read on GitHub as well."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from docs.site import navigation

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]

project = "Mulgam"
author = "The Mulgam maintainers"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
root_doc = navigation.HOME
include_patterns = [f"{page}.md" for page in navigation.pages()] + ["docs/**.md"]
exclude_patterns = [".*", "build", "registry", "runs"]
myst_heading_anchors = 4
nitpicky = True
highlight_language = "text"

html_theme = "furo"
html_title = f"Mulgam {release}"
html_favicon = "../../service/page/icon.svg"
html_static_path = ["static"]
html_css_files = ["mulgam.css"]
templates_path = ["templates"]
# The site's first address; the pages keep their places in the repository, so that links between them hold in both.
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Put the navigation below the home page's own text."""
    if page == root_doc:
        source[0] += navigation.toctrees()


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_navigation)
