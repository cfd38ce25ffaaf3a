"""Parquet in and out: columns with types, read a few thousand rows at a time, written as an Arrow stream.

A Parquet file can't be appended to once it is closed, nor read before. So the answers are the messages of an Arrow
stream, which packing.py makes Parquet when all of them are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mulgam.errors import InputError, MulgamError
from mulgam.signature import Signature
from mulgam.wording import shown
from service.bulk import arrow
from service.bulk.arrow_columns import column_parser, has_texts, plain, plain_type, texts
from service.bulk.header import ERROR, answer_columns, check_header
from service.bulk.rows import Batch, chosen
from service.protocols.base import Output

# What is read of a column at once; without it, all of a row group.
_BUFFER = 64 * 1024
_BLOCK_ROWS = 4096


class ParquetReader:
    """Reads instances of one model.

    Args:
        path: of a regular file.
        signature: of the model.
        keep: columns to pass through.
        as_text: pass them through as text; else with their types.

    Raises:
        InputError: the columns are not this model's.
        MulgamError: it is no Parquet file, or a damaged one.
    """

    def __init__(self, path: Path, signature: Signature, keep: Sequence[str], *, as_text: bool) -> None:
        pyarrow = arrow.load()
        self._name = path.name
        with arrow.readable(self._name):
            self._file = pyarrow.parquet.ParquetFile(
                path, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True
            )
            self.total = self._file.metadata.num_rows
            schema = self._file.schema_arrow
            # Spaces round a name do not count in training either.
            found = {name.strip(): name for name in schema.names}
            check_header([name.strip() for name in schema.names], signature, keep)
        held = {name: plain_type(schema.field(found[name]).type) for name in found}
        self._parsers = [(found[one.name], column_parser(one, held[one.name])) for one in signature.features]
        self._kept = [found[name] for name in keep]
        self._as_text = as_text
        for name in keep:
            _check_kept(name, held[name], as_text)
        self.schema = pyarrow.schema([pyarrow.field(name, held[name]) for name in keep])
        self.given = 0
        self._blocks = self._read()
        self._pending: list[Any] = []

    def batch(self, most: int) -> Batch | None:
        """See `RowReader.batch`."""
        with arrow.readable(self._name):
            block = self._next(most)
            if block is None:
                return None
            batch = Batch(block.num_rows, numbers=list(range(block.num_rows)))
            self._keep(block, batch)
            self._parse(block, batch)
        self.given += batch.size
        return batch

    def _read(self) -> Iterator[Any]:
        """Blocks of rows that hold at least one."""
        columns = [*dict.fromkeys([*(name for name, _ in self._parsers), *self._kept])]
        rows = 0
        for block in self._file.iter_batches(_BLOCK_ROWS, columns=columns, use_threads=False):
            rows += block.num_rows
            if block.num_rows:
                yield block
        if rows != self.total:
            raise MulgamError(f"{self._name} is damaged: it holds {rows} rows, and says that it has {self.total}.")

    def _next(self, most: int) -> Any:
        """The next rows as one block, whatever the row groups; None at the end."""
        pending, self._pending = self._pending, []
        while sum(block.num_rows for block in pending) < most and (block := next(self._blocks, None)) is not None:
            pending.append(block)
        if not pending:
            return None
        whole = arrow.load().concat_batches(pending) if len(pending) > 1 else pending[0]
        if whole.num_rows > most:
            self._pending = [whole.slice(most)]
        return whole.slice(0, most)

    def _keep(self, block: Any, batch: Batch) -> None:
        """The columns to pass through."""
        kept = [plain(block.column(name)) for name in self._kept]
        if kept and self._as_text:
            batch.kept = [list(row) for row in zip(*map(texts, kept), strict=True)]
        elif kept:
            # A message holds these rows alone; of a part of a block, pickled, the whole block would be sent.
            batch.typed = arrow.load().record_batch(kept, schema=self.schema).serialize().to_pybytes()

    def _parse(self, block: Any, batch: Batch) -> None:
        """Column by column; row by row where something in a column is wrong."""
        columns = [(plain(block.column(name)), parse) for name, parse in self._parsers]
        try:
            values = [parse(column) for column, parse in columns]
            batch.instances = [list(row) for row in zip(*values, strict=True)]
            return
        except InputError:
            batch.numbers = []
        for number in range(batch.size):
            try:
                batch.instances.append([parse(column.slice(number, 1))[0] for column, parse in columns])
                batch.numbers.append(number)
            except InputError as problem:
                batch.problems[number] = problem


class ParquetWriter:
    """Writes answers as messages of an Arrow stream, its end left out: the kept columns, then the answer's, `error`.

    Args:
        signature: of the model.
        keep: columns to pass through.
        schema: their types (pyarrow's Schema); None: they are text.
    """

    content_type = "application/vnd.apache.arrow.stream"

    def __init__(self, signature: Signature, keep: Sequence[str], schema: Any = None) -> None:
        self._arrow = pyarrow = arrow.load()
        self._signature = signature
        self._kept = pyarrow.schema([(name, pyarrow.string()) for name in keep]) if schema is None else schema
        number, word = pyarrow.float32(), pyarrow.string()
        types = [word, number] if signature.target.classes else [number]
        answer = zip([*answer_columns(signature), ERROR], [*types, word], strict=True)
        self._schema = pyarrow.schema([*self._kept, *(pyarrow.field(*one) for one in answer)])

    def head(self) -> bytes:
        """See `RowWriter.head`."""
        return bytes(self._schema.serialize())

    def rows(self, batch: Batch, output: Output) -> bytes:
        """See `RowWriter.rows`."""
        columns = [*self._kept_columns(batch), *self._answers(batch, output), self._errors(batch)]
        return bytes(self._arrow.record_batch(columns, schema=self._schema).serialize())

    def _kept_columns(self, batch: Batch) -> list[Any]:
        if batch.typed:
            return list(self._arrow.ipc.read_record_batch(self._arrow.py_buffer(batch.typed), self._kept).columns)
        return [self._arrow.array(column, self._arrow.string()) for column in zip(*batch.kept, strict=True)]

    def _answers(self, batch: Batch, output: Output) -> list[Any]:
        """Prediction, or label and probability; null in a row in error."""
        pyarrow = self._arrow
        places, numbers = chosen(self._signature, output)
        is_missing = np.ones(batch.size, bool)
        is_missing[batch.numbers] = False
        all_numbers = np.zeros(batch.size, np.float32)
        all_numbers[batch.numbers] = numbers
        column = pyarrow.array(all_numbers, mask=is_missing)
        classes = self._signature.target.classes
        if not classes:
            return [column]
        all_places = np.zeros(batch.size, np.int64)
        all_places[batch.numbers] = places
        labels = pyarrow.array(classes, pyarrow.string()).take(pyarrow.array(all_places, mask=is_missing))
        return [labels, column]

    def _errors(self, batch: Batch) -> Any:
        if not batch.problems:
            return self._arrow.nulls(batch.size, self._arrow.string())
        problems = map(batch.problems.get, range(batch.size))
        sentences = [None if problem is None else f"{problem.code}: {problem}" for problem in problems]
        return self._arrow.array(sentences, self._arrow.string())


def _check_kept(name: str, held: Any, as_text: bool) -> None:
    """Raise InputError where a column can't be passed through."""
    if arrow.load().types.is_nested(held):
        raise InputError("BAD_PARAMETER", f"keep names {shown(name)}, which is nested; keep plain columns.", "keep")
    if as_text and not has_texts(held):
        kind = shown(str(held), 60)[1:-1]
        sentence = f"keep names {shown(name)}, whose Parquet type {kind} is no text; write Parquet instead."
        raise InputError("BAD_PARAMETER", sentence, "keep")
