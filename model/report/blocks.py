"""What a section of the report is made of; `page.html` knows how each kind looks. All text is escaped there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

_NUMBER = re.compile(r"[+±–-]? ?[\d.,]+(e[+-]?\d+)?( ?(µs|ms|kB|MB|%))?|–")
_LONGEST_WORD, _SHORT = 40, 24


@dataclass(frozen=True)
class Note:
    """A paragraph; `quiet` sets it smaller, as an explanation."""

    text: str
    quiet: bool = False
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Listing:
    """Lines, one below the other."""

    lines: Sequence[str]
    kind: Literal["listing"] = "listing"


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands in it.
        shade: how dark it is, 0 … 1, where that tells something.
        bar: how long a bar in it is, 0 … 1, where there is one.
        right: whether it is set to the right though it is no number.
    """

    text: str
    shade: float | None = None
    bar: float | None = None
    right: bool = False

    @property
    def number(self) -> bool:
        """Whether it is set to the right."""
        return self.right or bool(_NUMBER.fullmatch(self.text))

    @property
    def short(self) -> bool:
        """Whether it is not broken over lines: a table rather scrolls on a narrow screen."""
        return len(self.text) <= _SHORT

    @property
    def endless(self) -> bool:
        """Whether it must be broken within a word."""
        return any(len(word) > _LONGEST_WORD for word in self.text.split())


@dataclass(frozen=True)
class Table:
    """Rows below a head; a `stacked` one has each row's cells in lines below its first one on a phone."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str = ""
    stacked: bool = False
    kind: Literal["table"] = "table"

    @property
    def cells(self) -> list[list[Cell]]:
        """All rows, each cell a `Cell`."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]

    @property
    def titles(self) -> list[Cell]:
        """The head; set to the right above numbers."""
        columns = zip(*self.cells, strict=True) if self.rows else [()] * len(self.head)
        return [
            Cell(
                title,
                right=any(cell.number for cell in column) and all(cell.number or not cell.text for cell in column),
            )
            for title, column in zip(self.head, columns, strict=True)
        ]


@dataclass(frozen=True)
class Plot:
    """A drawing, with what it shows."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class Plots:
    """Drawings side by side where there is room."""

    plots: Sequence[Plot]
    kind: Literal["plots"] = "plots"


@dataclass(frozen=True)
class Folded:
    """Blocks that are opened by a click, and printed open."""

    title: str
    blocks: Sequence[Block]
    kind: Literal["folded"] = "folded"


Block = Note | Listing | Code | Table | Plots | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
