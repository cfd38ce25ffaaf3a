"""`runs/<name>-<time>/`: the log and the checkpoint of one training run; nothing here is ever served."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pickle
import re
import tomllib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import torch

from model.errors import ModelError, ResumeError
from model.training import processes

LOG, CHECKPOINT = "log.jsonl", "checkpoint.pt"
PUBLISHED = "published"
_STAMP = re.compile(r"-(\d{8}T\d{6})(?:-(\d+))?")


class RunFolder:
    """Writes `log.jsonl` (one JSON object a line) and `checkpoint.pt` (all that training needs to go on).

    As a context it logs how the block ended, unless that is in the log already, and it tells an interrupted person
    how to go on. While it is open no other process can take the run up.

    Args:
        path: of the folder, which is there.
        recipe: as run, in TOML.
        data: the table's sha256.

    Raises:
        ModelError: the folder can't be written, or another process works on the run.
    """

    def __init__(self, path: Path, recipe: str, data: str) -> None:
        self.path, self._recipe, self._data = path, recipe, data
        self._log = self._opened()
        self._published = False

    @classmethod
    def create(cls, parent: Path, name: str, recipe: str, data: str) -> RunFolder:
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
                folder = cls(path, recipe, data)
                folder.log("started", recipe=tomllib.loads(recipe), data_sha256=data)
                return folder

    @classmethod
    def resumed(cls, parent: Path, name: str, recipe: str, data: str) -> RunFolder:
        """The newest run of that name, or a new one where it has no checkpoint yet.

        Raises:
            ResumeError: it was published, or was of another recipe or table.
        """
        path = newest(parent, name)
        if path is None or not (path / CHECKPOINT).exists():
            print("  no checkpoint to resume from: training from the start", flush=True)
            return cls.create(parent, name, recipe, data)
        state = _loaded(path / CHECKPOINT)
        if difference := _difference(state["recipe"], recipe):
            raise ResumeError(f"The run {path} can't be resumed: {difference}.")
        if state["data"] != data:
            raise ResumeError(f"The run {path} can't be resumed: its table had another content (sha256).")
        folder = cls(path, recipe, data)
        folder.log("resumed", after_epoch=len(state["epochs"]))
        print(f"  resuming {path} after epoch {len(state['epochs'])}", flush=True)
        return folder

    def log(self, event: str, **values: Any) -> None:
        """Append one line to the log."""
        try:
            self._log.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
            self._log.flush()
        except OSError as problem:
            raise ModelError(f"{self.path / LOG} can't be written: {problem.strerror}.") from problem
        self._published = event == PUBLISHED

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint; a reader sees the old or the new one, never half of it, also after a power cut."""
        path = self.path / CHECKPOINT
        fresh = path.with_suffix(".new")
        content = io.BytesIO()  # torch reports a full disk in its own words, the system in one sentence
        torch.save({**state, "recipe": self._recipe, "data": self._data}, content)
        try:
            with fresh.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as problem:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise ModelError(f"The checkpoint {path} can't be written: {problem.strerror}.") from problem

    def saved(self) -> dict[str, Any] | None:
        """What was saved last; None before the first checkpoint."""
        path = self.path / CHECKPOINT
        return _loaded(path) if path.exists() else None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What passes by itself or can be helped, such as a full disk; a loss that diverged would do so again.
        passing = isinstance(problem, KeyboardInterrupt | OSError) or isinstance(problem and problem.__cause__, OSError)
        if problem is not None and passing and (self.path / CHECKPOINT).exists():
            problem.add_note("The same command with --resume goes on from its last checkpoint.")
        # A disk that is full has been told of already.
        with contextlib.suppress(ModelError, OSError):
            if isinstance(problem, KeyboardInterrupt):
                self.log("interrupted")
            elif problem is not None and not self._published:
                self.log("failed", error=str(problem))
            self._log.close()

    def _opened(self) -> TextIO:
        """The log, for this process alone; the kernel drops the lock when the process dies, however that happens."""
        path = self.path / LOG
        try:
            file = path.open("a", encoding="utf-8")
        except OSError as problem:
            raise ModelError(f"{path} can't be written: {problem.strerror}.") from problem
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ResumeError(f"The run {self.path} is going on in another process.") from None
        # A disk that was full may have left the beginning of a line.
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
        return file


def opened(
    parent: Path, name: str, recipe: str, data: str, *, resume: bool
) -> AbstractContextManager[RunFolder | None]:
    """The folder of a run that begins or goes on; none in a process that is not the first."""
    if not processes.first():
        return contextlib.nullcontext()
    return (RunFolder.resumed if resume else RunFolder.create)(parent, name, recipe, data)


def newest(parent: Path, name: str) -> Path | None:
    """The folder of the last run of that name below `parent`."""
    found = []
    for path in parent.glob(f"{name}-*"):
        if stamp := _STAMP.fullmatch(path.name[len(name) :]):
            found.append((stamp[1], int(stamp[2] or 1), path))
    return max(found)[-1] if found else None


def published(parent: Path, name: str) -> int | None:
    """The version that the last run of that name ended in, if it ended in one."""
    path = newest(parent, name)
    if path is None:
        return None
    try:
        last = json.loads((path / LOG).read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return None
    return int(last["version"]) if last.get("event") == PUBLISHED else None


def _loaded(path: Path) -> dict[str, Any]:
    """A checkpoint's content."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as problem:
        raise ResumeError(f"The checkpoint {path} can't be read; leave --resume out to train anew.") from problem
    return state


def _difference(before: str, now: str) -> str | None:
    """The first key in which two recipes in TOML differ, as the end of a sentence."""
    sections = tomllib.loads(before), tomllib.loads(now)
    for section in dict.fromkeys(name for one in sections for name in one):
        old, new = (one.get(section) for one in sections)
        if not isinstance(old, dict) or not isinstance(new, dict):
            old, new = {section: old}, {section: new}
            place = ""
        else:
            place = f"[{section}] "
        for key in dict.fromkeys((*old, *new)):
            if old.get(key) != new.get(key):
                return f"{place}{key} was {old.get(key)!r} and is now {new.get(key)!r}"
    return None
