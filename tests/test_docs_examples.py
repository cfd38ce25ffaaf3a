"""Every shell and Python block of the pages is run or says why not; here runs the Python that needs no service.

All blocks of a page in order, in one namespace, each printing what the page shows below it. What needs a shell or a
service is run by tests/live/test_pages.py. How blocks are marked: tests/pages.py.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from tests import pages
from tests.live import shell


def run(name: str, text: str) -> None:
    """Run a page's Python; raises what a block raises, or AssertionError where it prints something else."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in pages.blocks(text, "python"):
        if block.reason:
            continue
        # Blank lines before the code: a traceback names the page's own line.
        code = compile("\n" * (block.line - 1) + block.code, name, "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, namespace)
        assert printed.getvalue() == block.output, f"{name}, line {block.line}: prints something else"


def needs_a_service(text: str) -> bool:
    """Whether a page's Python asks one, so that tests/live/test_pages.py runs it."""
    return any(":8000" in block.code for block in pages.blocks(text, "python") if block.is_run)


TEXTS = {pages.name(page): page.read_text(encoding="utf-8") for page in pages.files("*.md")}
PAGES = [page for page, text in TEXTS.items() if pages.blocks(text, "python") and not needs_a_service(text)]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    run(page, TEXTS[page])


def test_every_block_is_run_or_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """None escapes by its language, its place or for want of a shell; the tally is printed."""
    found = [f"{page}: {problem}" for page, text in TEXTS.items() for problem in pages.strays(text)]
    assert found == []
    for page, text in TEXTS.items():
        for block in pages.blocks(text, "console"):
            assert list(shell.typed(block.code)), f"{page}, line {block.line}: no line begins with `$ `"
        if needs_a_service(text):
            assert any(block.is_run for block in pages.blocks(text, "console")), f"{page}: Python asks a service"
    with capsys.disabled():
        print(f" [{pages.summary().splitlines()[len(pages.tally())].strip()}]", end="")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```bash\nls\n```\n", "is not run"),
        ("```py\n1\n```\n", "is not run"),
        ("- item\n\n  ```console\n  $ ls\n  ```\n", "does not begin its line"),
        ("```python title=x\n1\n```\n", "does not begin its line"),
        ("```\n$ ls\n```\n", "belong into a fence"),
    ],
)
def test_a_block_that_escapes_is_noticed(text: str, problem: str) -> None:
    """Under another name, in a list, with more than a language, or with none."""
    (told,) = pages.strays(text)
    assert problem in told


def test_a_page_without_a_stray_is_left_alone() -> None:
    """Output, files and diagrams are nobody's business."""
    assert list(pages.strays("```text\n$ x\n```\n\n```\na → b\n```\n\n```json\n{}\n```\n$ prose\n")) == []


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
    """A marked block is left out, and only with a reason; one that is saved names its file."""
    run("p", "<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n\n```console\n$ exit 1\n```\n")
    (block,) = pages.blocks("<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n")
    assert (block.reason, block.is_run) == ("needs a GPU", False)
    (block,) = pages.blocks("<!-- not run: -->\n```python\n1 / 0\n```\n")
    assert block.is_run
    (block,) = pages.blocks('<!-- saved as my.toml -->\n```toml\nname = "m"\n```\n', "toml")
    assert (block.file, block.code) == ("my.toml", 'name = "m"\n')


def test_commands_are_told_from_their_output() -> None:
    """A command goes on after a backslash and to the end of a here-document; the rest is what it prints."""
    code = "$ curl x \\\n    -d y\n{}\n$ cat > f <<EOF\n$ no command\nEOF\n$ ls\na\nb\n"
    assert list(shell.typed(code)) == [
        shell.Typed("curl x \\\n    -d y", "{}"),
        shell.Typed("cat > f <<EOF\n$ no command\nEOF", ""),
        shell.Typed("ls", "a\nb"),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("", "anything", True),
        ("1,000 rows, 3.5 s", "7 rows, 120.25 s\n", True),
        ("a\n…\nc", "a\nb\nc\n", True),
        ('{"price":6.1, … }', '{"price":7, "more": 1 }\n', True),
        ("digest b140e14b1563", "digest 7ef02c31a4d7\n", True),
        ("a\nc", "c\na\n", False),
        ("rows: 3", "lines: 3\n", False),
        ("a", "ab\n", False),
    ],
)
def test_output_is_compared_but_for_its_numbers(shown: str, printed: str, same: bool) -> None:
    """Lines in their order; `…` stands for what is left out."""
    assert shell.shows(shown, printed) is same
