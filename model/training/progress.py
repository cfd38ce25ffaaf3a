"""What a person sees while a run works: a bar with the time left on a terminal, else a plain line now and then."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)  # fmt: skip

from model.training import processes

_SECONDS_BETWEEN_LINES = 5.0


class Watcher(Protocol):
    """Called after every epoch."""

    def __call__(self, epoch: int, validation_loss: float, best_epoch: int) -> None:
        """Tell of an epoch (the first is 1)."""


@contextlib.contextmanager
def watch(name: str, epochs: int, stream: TextIO | None = None) -> Iterator[Watcher | None]:
    """Show the progress of one training on stderr (or `stream`); of several processes the first alone does.

    The time left counts on all epochs; early stopping usually ends sooner.
    """
    stream = stream or sys.stderr
    if not processes.first():
        yield None
    elif stream.isatty():
        with _bar(name, epochs, stream) as watcher:
            yield watcher
    else:
        yield _Lines(name, epochs, stream)


@contextlib.contextmanager
def step(what: str, stream: TextIO | None = None, patience: float = _SECONDS_BETWEEN_LINES) -> Iterator[None]:
    """Name what is done meanwhile on stderr (or `stream`): on a terminal at once, else after `patience` seconds."""
    stream = stream or sys.stderr
    if stream.isatty():
        with Progress(
            TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(file=stream), transient=True
        ) as shown:
            shown.add_task(what, total=None)
            yield
        return
    line = threading.Timer(patience, print, [f"{what} …"], {"file": stream, "flush": True})
    line.daemon = True  # never what a process waits for in its end
    line.start()
    try:
        yield
    finally:
        line.cancel()


@contextlib.contextmanager
def _bar(name: str, epochs: int, stream: TextIO) -> Iterator[Watcher]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"),
        TextColumn("at most"), TimeRemainingColumn(), TextColumn("left"),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task(f"training {name}", total=epochs, loss="")

        def show(epoch: int, validation_loss: float, best_epoch: int) -> None:
            loss = f"validation loss {validation_loss:.4g} (best: epoch {best_epoch})"
            progress.update(task, completed=epoch, loss=loss)

        yield show


class _Lines:
    def __init__(self, name: str, epochs: int, stream: TextIO) -> None:
        self._name, self._epochs, self._stream = name, epochs, stream
        self._next = 0.0
        self._first: tuple[int, float] | None = None

    def __call__(self, epoch: int, validation_loss: float, best_epoch: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN_LINES
        print(
            f"training {self._name}: epoch {epoch} of at most {self._epochs}, validation loss {validation_loss:.4g}"
            f" (best: epoch {best_epoch}){self._left(epoch, now)}",
            file=self._stream, flush=True,
        )  # fmt: skip

    def _left(self, epoch: int, now: float) -> str:
        """The time left, reckoned from what came after the first epoch seen: that one is slower than the others."""
        if self._first is None:
            self._first = epoch, now
            return ""
        number, since = self._first
        return f", at most {timedelta(seconds=round((now - since) / (epoch - number) * (self._epochs - epoch)))} left"
