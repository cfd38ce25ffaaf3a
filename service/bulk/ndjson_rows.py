"""NDJSON in and out: one instance a line, one answer a line."""

from __future__ import annotations

import orjson

from mulgam.errors import InputError
from mulgam.signature import Signature
from service.bulk.kinds import NDJSON
from service.bulk.lines import Lines
from service.bulk.rows import Batch, values
from service.errors import ApiError
from service.protocols import wire
from service.protocols.base import Output


class NdjsonReader:
    """Reads instances: objects or lists, for a text model bare strings. Blank lines are none.

    Raises:
        InputError: there is no line at all.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._is_empty = True

    def batch(self, most: int) -> Batch | None:
        """See `RowReader.batch`."""
        batch = Batch()
        while batch.size + batch.blank < most and not (batch.size and self._lines.would_wait()):
            self._lines.given = 0
            try:
                line = next(self._lines)
                if line.isspace():
                    batch.blank += 1
                    continue
                batch.instances.append(wire.instance(line))
                batch.numbers.append(batch.size)
            except StopIteration:
                break
            except InputError as problem:
                batch.problems[batch.size] = problem
            except ApiError as problem:
                batch.problems[batch.size] = batch.broken = problem
            batch.size += 1
            if batch.broken is not None:
                break
        if not batch.size and not batch.blank:
            if self._is_empty:
                raise InputError("EMPTY_BODY", "There is no line; send one JSON instance a line.")
            return None
        self._is_empty = self._is_empty and not batch.size
        return batch


class NdjsonWriter:
    """Writes `{"prediction"}`, `{"label","probability"}`, or `{"error","code"}` a line."""

    content_type = NDJSON

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._labels = [orjson.dumps(label).decode() for label in signature.target.classes]

    def head(self) -> bytes:
        """See `RowWriter.head`."""
        return b""

    def rows(self, batch: Batch, output: Output) -> bytes:
        """See `RowWriter.rows`."""
        best, written = values(self._signature, output)
        lines = [""] * batch.size
        for place, number in enumerate(batch.numbers):
            if self._labels:
                lines[number] = f'{{"label":{self._labels[best[place]]},"probability":{written[place]}}}\n'
            else:
                lines[number] = f'{{"prediction":{written[place]}}}\n'
        for number, problem in batch.problems.items():
            lines[number] = orjson.dumps({"error": str(problem), "code": problem.code}).decode() + "\n"
        return "".join(lines).encode()
