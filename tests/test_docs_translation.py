"""README.ko.md says what README.md says: the same sections, blocks, links, options and figures, in its own words."""

from __future__ import annotations

import re

import pytest

from tests import pages
from tests.processes import ROOT

PAIRS = [(ROOT / translation, ROOT / original) for translation, original in pages.TRANSLATIONS.items()]


def outline(text: str) -> list[int]:
    """The levels of the headings, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", _without_blocks(text), re.MULTILINE)]


def links(text: str) -> set[str]:
    """Where a page points, but for the pages themselves."""
    return set(re.findall(r"\]\(([^)\s]+)\)", text)) - {"README.md", "README.ko.md"}


def code(text: str) -> set[str]:
    """What stands as code in the prose and the tables."""
    return set(re.findall(r"`([^`\n]+)`", _without_blocks(text)))


def figures(text: str) -> list[str]:
    """Numbers with a decimal point or a unit in tables, in order."""
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    return re.findall(r"\d+\.\d+|\d+ s\b", rows)


def _without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("translation", "original"), PAIRS, ids=lambda page: page.name)
def test_a_translation_is_in_step(translation: object, original: object) -> None:
    """A change of one is a change of both; what a translation has besides is its own."""
    ours, theirs = (page.read_text(encoding="utf-8") for page in (translation, original))  # type: ignore[attr-defined]
    assert outline(ours) == outline(theirs)
    assert list(pages.fenced(ours)) == [
        pages.Block(own.line, *(getattr(block, name) for name in ("language", "code", "output", "reason", "file")))
        for own, block in zip(pages.fenced(ours), pages.fenced(theirs), strict=True)
    ]
    assert links(ours) >= links(theirs), "links that the translation lacks"
    assert code(ours) >= code(theirs), "words in code that the translation lacks"
    measured = figures(theirs)
    assert [figure for figure in figures(ours) if figure in measured][: len(measured)] == measured


def test_what_differs_is_noticed() -> None:
    """A heading, a link, a word in code, a figure."""
    assert outline("# a\n## b\n```console\n# c\n```\n") == [1, 2]
    assert links("[a](b.md) [c](README.md)") == {"b.md"}
    assert code("`a` b\n```\n`c`\n```\n") == {"a"}
    assert figures("| a | 0.374 (15 s) |\n1.5\n") == ["0.374", "15 s"]
