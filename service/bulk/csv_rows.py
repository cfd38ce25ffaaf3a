"""CSV in and out: a header that names the features in any order, quoting as in RFC 4180, an empty cell is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from mulgam.errors import InputError
from mulgam.signature import Signature
from service.bulk.cells import cell_parser
from service.bulk.header import ERROR, answer_columns, check_header
from service.bulk.kinds import CSV
from service.bulk.lines import MAX_ROW, Lines
from service.bulk.rows import Batch, values
from service.errors import ApiError
from service.protocols.base import Output

# A cell is bounded by its row; the csv module's own bound is lower.
csv.field_size_limit(MAX_ROW + 1)


class CsvReader:
    """Reads instances of one model.

    Args:
        lines: of the table; the header is read at once.
        signature: of the model.
        keep: columns to pass through.
        delimiter: between cells.

    Raises:
        InputError: there is no header, or it is not this model's.
    """

    def __init__(self, lines: Lines, signature: Signature, keep: Sequence[str] = (), delimiter: str = ",") -> None:
        self._lines = lines
        self._rows = csv.reader(lines, delimiter=delimiter, strict=True)
        self._signature = signature
        header = self._header()
        check_header(header, signature, keep)
        self._width = len(header)
        self._kept = [header.index(name) for name in keep]
        self._columns = [(header.index(one.name), one, cell_parser(one)) for one in signature.features]

    def batch(self, most: int) -> Batch | None:
        """See `RowReader.batch`."""
        batch = Batch()
        records: list[list[str]] = []
        while batch.size + batch.blank < most and not (batch.size and self._lines.would_wait()):
            self._lines.given = 0
            try:
                cells = next(self._rows)
            except StopIteration:
                break
            except csv.Error as problem:
                cells = None
                batch.problems[batch.size] = _bad_csv(problem)
            except InputError as problem:
                cells = None
                batch.problems[batch.size] = problem
            except ApiError as problem:
                cells = None
                batch.problems[batch.size] = batch.broken = problem
            else:
                if not cells:
                    # A blank line is a row only where a row may be one empty cell.
                    if self._width > 1:
                        batch.blank += 1
                        continue
                    cells = [""]
                if len(cells) != self._width:
                    batch.problems[batch.size] = _ragged(len(cells), self._width)
                    cells = None
            if cells is not None:
                records.append(cells)
                batch.numbers.append(batch.size)
            batch.kept.append([cells[place] for place in self._kept] if cells else [""] * len(self._kept))
            batch.size += 1
            if batch.broken is not None:
                break
        self._parse(records, batch)
        return batch if batch.size or batch.blank else None

    def _header(self) -> list[str]:
        try:
            return next(row for row in self._rows if row)
        except StopIteration:
            raise InputError("EMPTY_BODY", "The table is empty; its first row must name the columns.") from None
        except csv.Error as problem:
            raise InputError("BAD_CSV", f"The header is not CSV: {_told(problem)}.", "header") from problem

    def _parse(self, records: list[list[str]], batch: Batch) -> None:
        """Cells to values, column by column; row by row where something in a column is wrong."""
        try:
            columns = [parse([row[place] for row in records]) for place, _, parse in self._columns]
            batch.instances = [list(row) for row in zip(*columns, strict=True)]
        except InputError:
            self._parse_each(records, batch)

    def _parse_each(self, records: list[list[str]], batch: Batch) -> None:
        numbers = batch.numbers
        batch.numbers = []
        for number, row in zip(numbers, records, strict=True):
            try:
                batch.instances.append([parse([row[place]])[0] for place, _, parse in self._columns])
                batch.numbers.append(number)
            except InputError as problem:
                batch.problems[number] = problem


class CsvWriter:
    """Writes answers: the kept columns, then `prediction` or `label,probability`, then `error`."""

    content_type = CSV + "; charset=utf-8"

    def __init__(self, signature: Signature, keep: Sequence[str] = (), delimiter: str = ",") -> None:
        self._signature = signature
        self._keep = list(keep)
        self._delimiter = delimiter
        self._answers = answer_columns(signature)

    def head(self) -> bytes:
        """See `RowWriter.head`."""
        return self._written([[*self._keep, *self._answers, ERROR]])

    def rows(self, batch: Batch, output: Output) -> bytes:
        """See `RowWriter.rows`."""
        classes = self._signature.target.classes
        best, written = values(self._signature, output)
        answers: list[list[str]] = [[""] * (len(self._answers) + 1)] * batch.size
        for place, number in enumerate(batch.numbers):
            answers[number] = [classes[best[place]], written[place], ""] if classes else [written[place], ""]
        for number, problem in batch.problems.items():
            answers[number] = [*[""] * len(self._answers), f"{problem.code}: {problem}"]
        if not self._keep:
            return self._written(answers)
        # A row that was not read has none.
        cells = batch.kept or [[""] * len(self._keep)] * batch.size
        return self._written([kept + answer for kept, answer in zip(cells, answers, strict=True)])

    def _written(self, rows: list[list[str]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator="\n")
        if not any("\r" in cell for row in rows for cell in row):
            writer.writerows(rows)
        else:
            # This csv module quotes a lone carriage return only where it ends lines.
            careful = csv.writer(text, delimiter=self._delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
            for row in rows:
                (careful if any("\r" in cell for cell in row) else writer).writerow(row)
        return text.getvalue().encode("utf-8", "replace")


def keep_list(texts: Sequence[str]) -> list[str]:
    """The columns that `keep=` names: with commas, quoted as a row of CSV where a name has one.

    Raises:
        InputError: BAD_PARAMETER.
    """
    try:
        names = [name for row in csv.reader(texts, strict=True) for name in row if name]
    except csv.Error as problem:
        raise InputError("BAD_PARAMETER", f"keep must be column names with commas: {problem}.", "keep") from problem
    if len(set(names)) != len(names):
        raise InputError("BAD_PARAMETER", "keep names a column twice.", "keep")
    return names


def _bad_csv(problem: csv.Error) -> InputError:
    return InputError("BAD_CSV", f"The row is not CSV: {_told(problem)}.")


def _told(problem: csv.Error) -> str:
    """What is wrong, in words that are not for a programmer."""
    sentence = str(problem)
    return "lines must end in LF or CRLF, not in CR alone" if sentence.startswith("new-line character") else sentence


def _ragged(got: int, width: int) -> InputError:
    return InputError("RAGGED", f"The row has {got} cell{'' if got == 1 else 's'}, the header {width}.")
