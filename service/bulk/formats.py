"""Which format a file has, by its name, and the reader and writer for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mulgam.errors import MulgamError
from mulgam.signature import Signature
from service.bulk.csv_rows import CsvReader, CsvWriter
from service.bulk.lines import Lines
from service.bulk.ndjson_rows import NdjsonReader, NdjsonWriter
from service.bulk.rows import RowReader, RowWriter, check_tabular

FORMATS = ("csv", "tsv", "ndjson")
_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_DELIMITERS = {"csv": ",", "tsv": "\t"}
STANDARD = "-"


def format_of(name: str, given: str | None) -> str:
    """One of `FORMATS`.

    Args:
        name: of a file, or "-".
        given: the format where it was said.

    Raises:
        MulgamError: the name does not tell, or it is a format that can't be read here.
    """
    if given is not None:
        return given
    if name == STANDARD:
        return "csv"
    suffix = Path(name.removesuffix(".gz")).suffix.lower()
    if suffix in (".parquet", ".pq"):
        raise MulgamError(f"{name}: Parquet is neither read nor written here; convert it to CSV or NDJSON.")
    if suffix not in _SUFFIXES:
        raise MulgamError(f"{name}: the name must end in {', '.join(_SUFFIXES)}, or --format must say what it is.")
    return _SUFFIXES[suffix]


def check_pair(source: str, target: str) -> None:
    """Raise MulgamError where answers can't be written in the target's format."""
    if (source == "ndjson") != (target == "ndjson"):
        raise MulgamError(f"{source} in, {target} out: a table and lines of JSON can't be turned into one another.")


def reader_of(form: str, lines: Lines, signature: Signature, keep: Sequence[str]) -> RowReader:
    """Reads a table; raises InputError where its header is not this model's, ApiError where no table is."""
    check_tabular(signature)
    if form == "ndjson":
        return NdjsonReader(lines)
    return CsvReader(lines, signature, keep, _DELIMITERS[form])


def writer_of(form: str, signature: Signature, keep: Sequence[str]) -> RowWriter:
    """Writes the answers."""
    if form == "ndjson":
        return NdjsonWriter(signature)
    return CsvWriter(signature, keep, _DELIMITERS[form])
