"""What a person sees while training: a bar with the time left on a terminal, else a plain line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 5.0


class Watcher(Protocol):
    """Called after every epoch."""

    def __call__(self, epoch: int, validation_loss: float, best_epoch: int) -> None:
        """Tell of an epoch (the first is 1)."""


@contextlib.contextmanager
def watch(name: str, epochs: int, stream: TextIO | None = None) -> Iterator[Watcher]:
    """Show the progress of one training on stderr (or `stream`).

    The time left counts on all epochs; early stopping usually ends sooner.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with _bar(name, epochs, stream) as watcher:
            yield watcher
    else:
        yield _Lines(name, epochs, stream)


@contextlib.contextmanager
def _bar(name: str, epochs: int, stream: TextIO) -> Iterator[Watcher]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
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
        self._next = time.monotonic()

    def __call__(self, epoch: int, validation_loss: float, best_epoch: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
        print(
            f"training {self._name}: epoch {epoch} of at most {self._epochs}, validation loss {validation_loss:.4g}",
            file=self._stream, flush=True,
        )  # fmt: skip
