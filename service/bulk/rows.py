"""A batch of rows between what a table's reader gives and what its writer takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from mulgam.encoding.encoder import Encoder
from mulgam.errors import InputError
from mulgam.signature import Signature
from mulgam.tensors import Arrays
from service.errors import ApiError
from service.protocols.base import Output
from service.versions.ranges import Outside

# Computes one batch; raises ApiError.
Compute = Callable[[Arrays, int], Output]
# The numbers for which encoded rows are refused, where any are.
Look = Callable[[Arrays], Outside | None]
Problem = InputError | ApiError


@dataclass(slots=True)
class Batch:
    """Rows in the order in which they came.

    `instances` are the readable ones, `numbers` their places among all `size` rows; every other row has its
    entry in `problems`. `kept` holds the cells to pass through, of every row, as text (tables only); `typed`
    holds them instead from Parquet to Parquet, as the message of an Arrow record batch. `broken` is why there is no
    row after the last one of this batch, which is then the one at which it broke. `blank` lines among them are no rows.
    """

    size: int = 0
    instances: list[Any] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    problems: dict[int, Problem] = field(default_factory=dict)
    kept: list[list[str]] = field(default_factory=list)
    typed: bytes = b""
    broken: ApiError | None = None
    blank: int = 0


class RowReader(Protocol):
    """Reads the rows of one table."""

    def batch(self, most: int) -> Batch | None:
        """The next rows, at most so many, blank lines counted, and possibly nothing but these; None at the end."""
        ...


class RowWriter(Protocol):
    """Writes the answers to one table's rows."""

    content_type: str

    def head(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, batch: Batch, output: Output) -> bytes:
        """The answers to a batch: `output` belongs to `batch.numbers`, the other rows are in error."""
        ...


class Scorer:
    """Batches to outputs; what is wrong with a row or with its answer becomes the row's problem, nothing else's.

    Args:
        encoder: of the model.
        compute: the model.
        outside: looks for rows to refuse; None: there are none.
    """

    # Calls that may be spent on finding the rows whose answers can't be trusted.
    SEARCHES = 2000

    def __init__(self, encoder: Encoder, compute: Compute, outside: Look | None = None) -> None:
        self._encoder = encoder
        self._compute = compute
        self._outside = outside
        self._searches = self.SEARCHES

    def score(self, batch: Batch) -> Output:
        """The outputs of the rows that `batch.numbers` names afterwards."""
        tensors = self._encoded(batch)
        if tensors is not None:
            tensors = self._within(tensors, batch)
        if tensors is None or not batch.numbers:
            return np.empty((0,), np.float32)
        outputs: list[Output] = []
        good: list[int] = []
        self._computed(tensors, batch.numbers, batch, outputs, good)
        batch.numbers = good
        return np.concatenate(outputs) if outputs else np.empty((0,), np.float32)

    def _encoded(self, batch: Batch) -> Arrays | None:
        if not batch.instances:
            return None
        try:
            return self._encoder.encode(batch.instances)
        except InputError:
            pass
        instances, numbers = [], []
        for number, instance in zip(batch.numbers, batch.instances, strict=True):
            try:
                self._encoder.encode([instance])
            except InputError as problem:
                batch.problems[number] = of_row(problem)
            else:
                instances.append(instance)
                numbers.append(number)
        batch.instances, batch.numbers = instances, numbers
        return self._encoder.encode(instances) if instances else None

    def _within(self, tensors: Arrays, batch: Batch) -> Arrays:
        """Without the rows that are refused for what is outside of training."""
        outside = None if self._outside is None else self._outside(tensors)
        if outside is None:
            return tensors
        for place in np.flatnonzero(outside.rows).tolist():
            batch.problems[batch.numbers[place]] = outside.problem(place, "")
        kept = np.flatnonzero(~outside.rows).tolist()
        batch.instances = [batch.instances[place] for place in kept]
        batch.numbers = [batch.numbers[place] for place in kept]
        return {name: array[kept] for name, array in tensors.items()}

    def _computed(
        self, tensors: Arrays, numbers: list[int], batch: Batch, outputs: list[Output], good: list[int]
    ) -> None:
        """Compute; where the answer can't be trusted, each half alone, down to the rows that spoil it."""
        try:
            outputs.append(self._compute(tensors, len(numbers)))
            good.extend(numbers)
        except ApiError as problem:
            if problem.status != 502 or len(numbers) == 1 or self._searches <= 0:
                batch.problems.update(dict.fromkeys(numbers, problem))
                return
            self._searches -= 2
            half = len(numbers) // 2
            for part in (slice(0, half), slice(half, None)):
                some = {name: array[part] for name, array in tensors.items()}
                self._computed(some, numbers[part], batch, outputs, good)


def is_tabular(signature: Signature) -> bool:
    """Whether a row of this model is a row of a table."""
    return not signature.tensors and signature.target.shape is None


def check_tabular(signature: Signature) -> None:
    """Raise ApiError 415 where a row of this model is no row of a table."""
    if not is_tabular(signature):
        sentence = f"{signature.model!r} takes or gives tensors, which fit no row of a table; send them as JSON or V2."
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", sentence)


def of_row(problem: InputError) -> InputError:
    """The same problem in the words of one row: its place is its line."""
    sentence = str(problem).replace("instances[0].", "").replace("instances[0]", "The row")
    return InputError(problem.code, sentence)


def chosen(signature: Signature, output: Output) -> tuple[npt.NDArray[np.intp], Output]:
    """Each answer: its class's place (none in a regression), and the number, float32 [N]."""
    if not signature.target.classes or not len(output):
        return np.empty(0, np.intp), output
    places = output.argmax(axis=1)
    return places, output[np.arange(len(output)), places]


def values(signature: Signature, output: Output) -> tuple[list[int], list[str]]:
    """Each answer as written: its class's place (none in a regression), and the number as short as it is."""
    places, numbers = chosen(signature, output)
    written = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY).decode()[1:-1]
    return places.tolist(), written.split(",") if written else []
