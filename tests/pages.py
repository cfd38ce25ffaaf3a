"""The code blocks of the pages, and what becomes of each: run by a test, or marked with why not.

A shell's block is fenced with ```console (each command after `$ `), Python with ```python. Marks are comments, which
no reader of a rendered page sees, on the line above the fence:

    <!-- not run: needs a cluster -->     left out, for that reason
    <!-- saved as my.toml -->             written into that file, which later commands of the page use

What a command or a piece of Python prints stands below it: in the same fence after a command, in a ```text fence right
after Python. `python -m tests.pages` prints the tally.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT

# Fences of these languages are run or marked; the others of them would escape, so they may not be used.
RUN = ("console", "python")
ALIASES = ("bash", "sh", "shell", "zsh", "shell-session", "py", "python3", "pycon", "ipython")
# Its commands are those of README.md, where they are run.
TRANSLATIONS = {"README.ko.md": "README.md"}

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run: .+?|saved as \S+) -->\n)?"
    r"```(?P<language>[a-z]+)\n(?P<code>.*?)^```$"
    r"(?:\n+```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
_FENCE = re.compile(r"^(?P<indent>[ >]*)```(?P<language>[\w-]*)(?P<rest>.*)$")


@dataclass(frozen=True)
class Block:
    """A fence: the line of the page that its code begins on, what the page shows of its output, and its mark."""

    line: int
    language: str
    code: str
    output: str = ""
    reason: str = ""
    file: str = ""

    @property
    def is_run(self) -> bool:
        """Whether a test runs it, or writes it into the file that it says."""
        return not self.reason


def files(*patterns: str) -> list[Path]:
    """The files of the repository that match, new ones included, ignored ones not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in (ROOT / name for name in sorted(listed.split("\0")) if name) if path.is_file()]


def name(page: Path) -> str:
    """A page as people call it: its path in the repository."""
    return str(page.relative_to(ROOT))


def fenced(text: str) -> Iterator[Block]:
    """All fences of a page that begin a line and have a language."""
    for found in _BLOCK.finditer(text):
        mark = found["mark"] or ""
        yield Block(
            line=text.count("\n", 0, found.start("code")) + 1,
            language=found["language"],
            code=found["code"],
            output=found["output"] or "",
            reason=mark.removeprefix("not run: ") if mark.startswith("not run: ") else "",
            file=mark.removeprefix("saved as ") if mark.startswith("saved as ") else "",
        )


def blocks(text: str, *languages: str) -> list[Block]:
    """The blocks of a page in these languages (none: those that are run or marked), in order."""
    return [block for block in fenced(text) if block.language in (languages or RUN)]


def strays(text: str) -> Iterator[str]:
    """What would be neither run nor marked: a shell or Python under another name, in a list, or without a language."""
    lines = text.splitlines()
    inside = False
    for number, line in enumerate(lines, 1):
        found = _FENCE.match(line)
        if found is None:
            if inside == "" and line.startswith("$ "):
                yield f"line {number}: commands belong into a fence ```console"
            continue
        if inside is not False:
            inside = False
            continue
        inside = found["language"]
        if found["language"] in ALIASES:
            yield f"line {number}: ```{found['language']} is not run; a shell is ```console, Python ```python"
        elif found["language"] in RUN and (found["indent"] or found["rest"]):
            yield f"line {number}: this fence is not run, for it does not begin its line or says more than its language"


def tally() -> dict[str, Counter[str]]:
    """Page -> how many blocks are `run` and `marked`, for the pages that have any."""
    counted = {}
    for page in files("*.md"):
        of_page = blocks(page.read_text(encoding="utf-8"))
        if of_page:
            counted[name(page)] = Counter("run" if block.is_run else "marked" for block in of_page)
    return counted


def summary() -> str:
    """The tally, one line a page, with the reasons."""
    counted = tally()
    total = sum(counted.values(), Counter())
    lines = [f"{page:44} {of_page['run']:3} run {of_page['marked']:3} marked" for page, of_page in counted.items()]
    lines.append(f"{'together':44} {total['run']:3} run {total['marked']:3} marked")
    for page in files("*.md"):
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.reason:
                lines.append(f"  {name(page)}:{block.line}: {block.reason}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(summary())
