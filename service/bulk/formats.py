"""Which format a file has, by its name, and the reader and writer for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mulgam.errors import MulgamError
from mulgam.signature import Signature
from service import compression
from service.bulk import packing
from service.bulk.csv_rows import CsvReader, CsvWriter
from service.bulk.lines import Lines
from service.bulk.ndjson_rows import NdjsonReader, NdjsonWriter
from service.bulk.parquet_rows import ParquetReader, ParquetWriter
from service.bulk.partial import Pack
from service.bulk.rows import RowReader, RowWriter, check_tabular

PARQUET = "parquet"
FORMATS = ("csv", "tsv", "ndjson", PARQUET)
_SUFFIXES = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": PARQUET,
    ".pq": PARQUET,
}  # fmt: skip
_DELIMITERS = {"csv": ",", "tsv": "\t"}
STANDARD = "-"
BLOCK = 256 * 1024


@dataclass(frozen=True)
class Source:
    """A table that is read.

    Attributes:
        reader: of its rows.
        size: how much there is to read, in rows or bytes; 0 where nobody knows.
        position: how much of that is read.
        kept: the types of the columns to pass through (pyarrow's Schema); None where they are passed through as text.
    """

    reader: RowReader
    size: int
    position: Callable[[], int]
    kept: Any = None


def format_of(name: str, given: str | None) -> str:
    """One of `FORMATS`.

    Args:
        name: of a file, or "-".
        given: the format where it was said, for a name that does not tell.

    Raises:
        MulgamError: the name does not tell, or the format does not go with it.
    """
    if name == STANDARD:
        if given == PARQUET:
            raise MulgamError(
                "Parquet does not go through a pipe, for its end is read first; name a file instead of -."
            )
        return given or "csv"
    form = _SUFFIXES.get(Path(name.removesuffix(".gz")).suffix.lower(), given)
    if form is None:
        raise MulgamError(f"{name}: the name must end in {', '.join(_SUFFIXES)}, or --format must say what it is.")
    if form == PARQUET and name.endswith(".gz"):
        raise MulgamError(f"{name}: Parquet is compressed inside; unpack the .gz first.")
    return form


def check_pair(source: str, target: str) -> None:
    """Raise MulgamError where answers can't be written in the target's format."""
    if (source == "ndjson") != (target == "ndjson"):
        raise MulgamError(f"{source} in, {target} out: a table and lines of JSON can't be turned into one another.")


def source_of(form: str, file: IO[bytes], name: str, signature: Signature, keep: Sequence[str], target: str) -> Source:
    """A file as a table; its header is read.

    Args:
        form: one of `FORMATS`.
        file: from its start.
        name: its path, or "-".
        signature: of the model.
        keep: columns to pass through.
        target: the format of the answers.

    Raises:
        InputError: its columns are not this model's.
        ApiError: the model takes no table.
        MulgamError: it is not of its format.
    """
    check_tabular(signature)
    if form == PARQUET:
        if not file.seekable():
            raise MulgamError(f"{name} is a pipe; Parquet is read from a file alone.")
        reader = ParquetReader(Path(name), signature, keep, as_text=target != PARQUET)
        return Source(reader, reader.total, lambda: reader.given, reader.schema if target == PARQUET else None)
    lines = Lines(_blocks(file, name))
    size = os.fstat(file.fileno()).st_size if name != STANDARD else 0
    rows = NdjsonReader(lines) if form == "ndjson" else CsvReader(lines, signature, keep, _DELIMITERS[form])
    return Source(rows, size, file.tell if size else lambda: 0)


def writer_of(form: str, signature: Signature, keep: Sequence[str], kept: Any = None) -> RowWriter:
    """Writes the answers; `kept` is as in `Source`."""
    if form == PARQUET:
        return ParquetWriter(signature, keep, kept)
    if form == "ndjson":
        return NdjsonWriter(signature)
    return CsvWriter(signature, keep, _DELIMITERS[form])


def packer_of(form: str) -> Pack | None:
    """What makes the file of the written answers, where they are not the file themselves."""
    return packing.pack if form == PARQUET else None


def _blocks(file: IO[bytes], name: str) -> Iterator[bytes]:
    # `read1` gives what is there: a pipe's rows are answered before it ends.
    blocks = iter(lambda: file.read1(BLOCK), b"")  # type: ignore[attr-defined]
    return compression.inflated_blocks(blocks, "gzip", BLOCK) if name.endswith(".gz") else blocks
