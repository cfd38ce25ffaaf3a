"""CSV in and out: a header that names the features in any order, quoting as in RFC 4180, an empty cell is missing."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Sequence
from typing import Any

from mulgam.encoding import shown
from mulgam.errors import InputError
from mulgam.signature import Feature, Signature
from service.bulk.kinds import CSV
from service.bulk.lines import MAX_ROW, Lines
from service.bulk.rows import Batch, values
from service.errors import ApiError
from service.protocols.base import Output

PREDICTION, LABEL, PROBABILITY, ERROR = "prediction", "label", "probability", "error"
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
        _check_header(header, signature, keep)
        self._width = len(header)
        self._kept = [header.index(name) for name in keep]
        self._columns = [(header.index(one.name), one, _parser(one)) for one in signature.features]

    def batch(self, most: int) -> Batch | None:
        """See `RowReader.batch`."""
        batch = Batch()
        records: list[list[str]] = []
        while batch.size < most and not (batch.size and self._lines.would_wait()):
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
        return batch if batch.size else None

    def _header(self) -> list[str]:
        try:
            return next(row for row in self._rows if row)
        except StopIteration:
            raise InputError("EMPTY_BODY", "The table is empty; its first row must name the columns.") from None
        except csv.Error as problem:
            raise InputError("BAD_CSV", f"The header is not CSV: {problem}.", "header") from problem

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
        self._answers = [LABEL, PROBABILITY] if signature.target.classes else [PREDICTION]

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
        return self._written([kept + answer for kept, answer in zip(batch.kept, answers, strict=True)])

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


def _check_header(header: list[str], signature: Signature, keep: Sequence[str]) -> None:
    features = [feature.name for feature in signature.features]
    doubled = next((name for place, name in enumerate(header) if name in header[:place]), None)
    if doubled is not None:
        raise InputError("DUPLICATE_KEY", f"The header names {shown(doubled)} twice.", "header")
    for name in header:
        if name not in features and name not in keep:
            near = difflib.get_close_matches(name, [one for one in features if one not in header], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"keep={name[:40]} would pass it through."
            raise InputError(
                "UNKNOWN_FIELD", f"The header has {shown(name)}, which is no feature of this model; {hint}", "header"
            )
    for name in features:
        if name not in header:
            raise InputError("MISSING_FIELD", f"The header lacks the feature {name!r}.", "header")
    answers = (LABEL, PROBABILITY, ERROR) if signature.target.classes else (PREDICTION, ERROR)
    for name in keep:
        if name not in header:
            raise InputError("BAD_PARAMETER", f"keep names {shown(name)}, which the header does not have.", "keep")
        if name in answers:
            raise InputError("BAD_PARAMETER", f"keep names {name!r}, which is a column of the answer.", "keep")


def _parser(feature: Feature) -> Callable[[list[str]], list[Any]]:
    """From a column's cells to values; raises InputError at the first that is none."""
    parse = {"number": _number, "category": _word, "boolean": _boolean, "text": _word}[feature.type]

    def column(cells: list[str]) -> list[Any]:
        if parse is _number and "" not in cells:
            text = "".join(cells)
            if text.isascii() and "_" not in text:
                try:
                    return list(map(float, cells))
                except ValueError:
                    pass
        return [parse(feature, cell) for cell in cells]

    return column


def _number(feature: Feature, cell: str) -> float | None:
    stripped = cell.strip()
    if not stripped:
        _check_missing(feature)
        return None
    # Python reads more than a table means: 1_000, and digits of other scripts.
    if stripped.isascii() and "_" not in stripped:
        try:
            return float(stripped)
        except ValueError:
            pass
    raise InputError("WRONG_TYPE", f"{feature.name} must be a number, not {shown(cell)}.")


def _boolean(feature: Feature, cell: str) -> bool | None:
    word = cell.strip().lower()
    if not word:
        _check_missing(feature)
        return None
    if word not in ("true", "false"):
        raise InputError("WRONG_TYPE", f"{feature.name} must be true or false, not {shown(cell)}.")
    return word == "true"


def _word(feature: Feature, cell: str) -> str | None:
    if not cell:
        _check_missing(feature)
    return cell or None


def _check_missing(feature: Feature) -> None:
    if not feature.missing:
        raise InputError("WRONG_TYPE", f"{feature.name} is empty; this model needs a value there.")


def _bad_csv(problem: csv.Error) -> InputError:
    return InputError("BAD_CSV", f"The row's quoting is not that of CSV: {problem}.")


def _ragged(got: int, width: int) -> InputError:
    return InputError("RAGGED", f"The row has {got} cell{'' if got == 1 else 's'}, the header {width}.")
