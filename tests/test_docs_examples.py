"""The pages' Python runs: all blocks of a page in order, in one namespace, each printing what the page shows below it.

A block is fenced with ```python; what it prints stands in a fence with ```text right after it. A block that can't run
has `<!-- not run: the reason -->` above it. Console blocks are for a person's shell and are not run here: tests/live/
starts the commands they show.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT
from tests.test_docs import files

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?"
    r"```python\n(?P<code>.*?)^```$"
    r"(?:\n+```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """Code, the line of the page that it begins on, what it is to print, and why it is not run, if it is not."""

    line: int
    code: str
    output: str
    reason: str


def blocks(text: str) -> Iterator[Block]:
    """The Python blocks of a page."""
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(line, found["code"], found["output"] or "", found["reason"] or "")


def run(name: str, text: str) -> None:
    """Run a page's blocks; raises what a block raises, or AssertionError where it prints something else."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(text):
        if block.reason:
            continue
        # Blank lines before the code: a traceback names the page's own line.
        code = compile("\n" * (block.line - 1) + block.code, name, "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, namespace)
        assert printed.getvalue() == block.output, f"{name}, line {block.line}: prints something else"


PAGES = [page for page in files("*.md") if "```python\n" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    run(page.name, page.read_text(encoding="utf-8"))


def page_of(*parts: str) -> str:
    """A page with prose between its parts."""
    return "\n\nprose\n\n".join(parts) + "\n"


ONE = "```python\na = 1\n```"


def test_blocks_share_their_names() -> None:
    """What one block defines, the next one knows; what it prints is compared."""
    run("p", page_of(ONE, "```python\nprint(a + 1)\n```\n```text\n2\n```"))
    run("p", page_of(ONE, "```python\nprint(a + 1)\n```\n\n```text\n2\n```"))


@pytest.mark.parametrize(
    "wrong",
    [
        "```python\nassert a == 2\n```",
        "```python\nprint(a)\n```\n```text\n2\n```",
        "```python\nprint(a)\n```",
        "```python\npass\n```\n```text\n1\n```",
    ],
)
def test_a_page_that_lies_is_noticed(wrong: str) -> None:
    """A failed assertion, another output, an output that is not shown, a shown one that is not printed."""
    with pytest.raises(AssertionError):
        run("p", page_of(ONE, wrong))


def test_an_error_names_the_pages_line() -> None:
    """As a traceback would of a file."""
    with pytest.raises(ZeroDivisionError) as caught:
        run("page.md", "one\ntwo\n```python\na = 1\na / 0\n```\n")
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == ("page.md", 5)


def test_what_is_not_run_says_why() -> None:
    """A marked block is left out, and only with a reason; other languages are nobody's business here."""
    run("p", "<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n\n```console\n$ exit 1\n```\n")
    (block,) = blocks("<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n")
    assert block.reason == "needs a GPU"
    (block,) = blocks("<!-- not run: -->\n```python\n1 / 0\n```\n")
    assert block.reason == ""
