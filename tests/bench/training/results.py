"""What was measured, one JSON object a line: a run that is stopped goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One contestant on one table with one seed.

    Attributes:
        table: the dataset's name, or another question's.
        contestant: its name.
        seed: of the division and the training.
        scores: name -> value.
        cpu_seconds: user and system time of this process for the training.
        wall_seconds: the same by the clock.
        load: the machine's load average after the training.
        date: when, in UTC.
        commit: of the code.
        versions: of the libraries.
    """

    table: str
    contestant: str
    seed: int
    scores: dict[str, float]
    cpu_seconds: float
    wall_seconds: float
    load: float
    date: str
    commit: str
    versions: str

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it one of a kind."""
        return self.table, self.contestant, self.seed


class Results:
    """The results in a file; of several of one kind the last one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[tuple[str, str, int], Result] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    result = Result(**json.loads(line))
                except (ValueError, TypeError):
                    continue  # half a line of a run that was killed, or of another version of this program
                self._found[result.key] = result

    def add(self, result: Result) -> None:
        """Keep it, on disk too."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._found[result.key] = result

    def __contains__(self, key: tuple[str, str, int]) -> bool:
        return key in self._found

    def all(self) -> list[Result]:
        """Every result."""
        return list(self._found.values())

    def of(self, table: str, contestant: str) -> list[Result]:
        """Those of a contestant on a table, by seed."""
        return sorted((one for one in self.all() if one.key[:2] == (table, contestant)), key=lambda one: one.seed)

    def values(self, table: str, contestant: str, score: str) -> list[float]:
        """One score of them."""
        return [one.scores[score] for one in self.of(table, contestant) if score in one.scores]
