"""`runs/<name>-<time>/`: the log and the checkpoint of one training run; nothing here is ever served."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.errors import ModelError


class RunFolder:
    """Writes `log.jsonl` (one JSON object a line) and `checkpoint.pt` (the best weights so far).

    Raises:
        ModelError: the folder can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / "log.jsonl"

    @classmethod
    def create(cls, parent: Path, name: str) -> RunFolder:
        """A new folder below `parent`, named after the model and the time, unique also for runs at once."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        number = 1
        while True:
            path = parent / (f"{name}-{stamp}" + (f"-{number}" if number > 1 else ""))
            try:
                parent.mkdir(parents=True, exist_ok=True)
                path.mkdir()
            except FileExistsError:
                number += 1
                if not parent.is_dir():
                    raise ModelError(f"{parent} is no folder; training runs are kept there.") from None
            except OSError as problem:
                raise ModelError(f"The run's folder {path} can't be made: {problem.strerror}.") from problem
            else:
                return cls(path)

    def log(self, event: Mapping[str, Any]) -> None:
        """Append one line to the log."""
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
        except OSError as problem:
            raise ModelError(f"{self._log} can't be written: {problem.strerror}.") from problem

    def checkpoint(self, weights: Mapping[str, Tensor]) -> None:
        """Replace the checkpoint; a reader sees the old or the new one, never half of it."""
        path = self.path / "checkpoint.pt"
        fresh = path.with_suffix(".new")
        try:
            torch.save(dict(weights), fresh)
            os.replace(fresh, path)
        except (OSError, RuntimeError) as problem:  # torch reports a full disk as RuntimeError
            raise ModelError(f"{path} can't be written: {problem}.") from problem
