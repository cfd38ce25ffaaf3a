"""Tables as rows: what is a row, what is a row in error, and that every row keeps its place."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.errors import InputError
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from mulgam.tensors import Arrays
from service.bulk.csv_rows import CsvReader, CsvWriter, keep_list
from service.bulk.lines import MAX_ROW, Lines
from service.bulk.ndjson_rows import NdjsonReader, NdjsonWriter
from service.bulk.rows import Batch, RowReader, Scorer
from service.errors import ApiError, bad_backend
from service.protocols.base import Output
from tests.builders import linear_signature

NOTES = linear_signature()
HEADER = b"area,rooms,distance\n"


def signature(*features: Feature) -> Signature:
    """Of a model with these features."""
    target = Target("y")
    return Signature("m", "regression", features, target, graph_inputs(features), graph_outputs(target), {})


MIXED = signature(
    Feature("size", "number"),
    Feature("colour", "category", vocabulary=("red", "blue")),
    Feature("new", "boolean"),
    Feature("remark", "text", length=4),
)


def blocks(data: bytes, size: int = 7) -> Iterator[bytes]:
    """The data in small pieces, so that every boundary falls somewhere."""
    return (data[first : first + size] for first in range(0, len(data), size))


def lines(data: bytes, size: int = 7) -> Lines:
    """The data's lines."""
    return Lines(blocks(data, size))


def test_blank_lines_count_as_what_is_read() -> None:
    """They are no rows, but a reader gives the word back after so many: nobody has it read them for ever."""
    table = CsvReader(lines(HEADER + b"\n" * 9 + b"1,2,3\n"), NOTES)
    for reader in (table, NdjsonReader(lines(b" \n" * 9 + b"[1]\n"))):
        found = []
        while (batch := reader.batch(4)) is not None:
            found.append((batch.size, batch.blank))
        assert found == [(0, 4), (0, 4), (1, 1)]


def everything(reader: RowReader, most: int = 3) -> Batch:
    """All batches as one."""
    whole = Batch()
    while (batch := reader.batch(most)) is not None:
        whole.instances += batch.instances
        whole.numbers += [whole.size + number for number in batch.numbers]
        whole.problems |= {whole.size + number: problem for number, problem in batch.problems.items()}
        whole.kept += batch.kept
        whole.size += batch.size
    return whole


def read(data: bytes, of: Signature = NOTES, keep: tuple[str, ...] = (), size: int = 7) -> Batch:
    """A table's rows."""
    return everything(CsvReader(lines(data, size), of, keep))


def codes(batch: Batch) -> dict[int, str]:
    """The code of each row in error."""
    return {number: problem.code for number, problem in sorted(batch.problems.items())}


def test_columns_may_come_in_any_order() -> None:
    """By name, not by place; an empty cell is a missing value."""
    batch = read(b"rooms,distance,area\n3,0.3,32\n,0.5, 33 \n")
    assert batch.instances == [[32.0, 3.0, 0.3], [33.0, None, 0.5]]
    assert not batch.problems


@pytest.mark.parametrize(
    ("header", "code", "word"),
    [
        (b"", "EMPTY_BODY", "empty"),
        (b"\n\n", "EMPTY_BODY", "empty"),
        (b"area,rooms\n", "MISSING_FIELD", "'distance'"),
        (b"area,rooms,distance,area\n", "DUPLICATE_KEY", "'area'"),
        (b"area,roms,distance\n", "UNKNOWN_FIELD", "did you mean 'rooms'?"),
        (b"area,rooms,distance,id\n", "UNKNOWN_FIELD", "keep=id"),
        (b'area,rooms,"distance\n1,2,3\n', "BAD_CSV", "unexpected end"),
        (b"\xff\xfea\0r\0e\0a\0\n\0", "BAD_UTF8", "not UTF-8"),
        (b"area,rooms,distance\0\n", "UNKNOWN_FIELD", "did you mean 'distance'?"),
        (b"a" * (MAX_ROW + 9) + b"\n", "ROW_TOO_LONG", "longer"),
    ],
)
def test_a_wrong_header_is_refused_before_anything_is_read(header: bytes, code: str, word: str) -> None:
    """With the code, and a word of what is meant."""
    with pytest.raises(InputError, match=re.escape(word)) as caught:
        read(header, size=4096)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"1,2", "RAGGED"),
        (b"1,2,3,4", "RAGGED"),
        (b"1,x,3", "WRONG_TYPE"),
        (b"1,nan,3", "NON_FINITE"),
        (b"1,-Inf,3", "NON_FINITE"),
        (b"1, infinity ,3", "NON_FINITE"),
        (b"1,1_000,3", "WRONG_TYPE"),
        ("1,٣,3".encode(), "WRONG_TYPE"),
        (b"1,2\x00,3", "WRONG_TYPE"),
        (b'1,"2"x,3', "BAD_CSV"),
        (b"1,2\r,3", "BAD_CSV"),
        (b"1,\xff,3", "BAD_UTF8"),
        (b"1," + b"x" * (MAX_ROW + 1) + b",3", "ROW_TOO_LONG"),
    ],
)
def test_a_bad_row_is_an_error_in_its_place(row: bytes, code: str) -> None:
    """The rows before and after it are read."""
    batch = read(HEADER + b"1,2,3\n" + row + b"\n4,5,6\n", size=65536)
    assert batch.instances[0] == [1.0, 2.0, 3.0]
    assert batch.instances[-1] == [4.0, 5.0, 6.0]
    assert codes(batch)[1] == code
    assert (batch.size, batch.numbers) == (3, [0, 2])


def test_what_is_no_number_is_said_in_the_words_of_a_table() -> None:
    """A missing value is an empty cell there, no null; a file of another system's line ends is told of them."""
    batch = read(HEADER + b"1,nan,3\n")
    said = "rooms is 'nan', which is no finite number; leave the cell empty for a missing value."
    assert str(batch.problems[0]) == said
    for table in (b"area,rooms,distance\r1,2,3\r", HEADER + b"1,2,3\r4,5,6\r"):
        try:
            (problem,) = read(table).problems.values()
        except InputError as refused:
            problem = refused
        assert (problem.code, "lines must end in LF or CRLF" in str(problem)) == ("BAD_CSV", True)


def test_a_number_that_is_too_large_is_out_of_range() -> None:
    """Not an infinity, though Python reads it as one."""
    batch = CsvReader(lines(HEADER + b"1e400,2,3\n"), NOTES).batch(9)
    assert batch is not None
    Scorer(Encoder(NOTES), compute).score(batch)
    assert codes(batch) == {0: "OUT_OF_RANGE"}


def test_a_quote_that_is_never_closed_is_one_row_in_error() -> None:
    """At the end of a small table."""
    batch = read(HEADER + b'1,2,3\n1,"2,3\n4,5,6\n')
    assert (batch.size, codes(batch)) == (2, {1: "BAD_CSV"})


def test_a_quote_that_is_never_closed_takes_no_more_than_a_rows_bound() -> None:
    """In a large table: the rows that it swallowed are one in error, then rows are read again."""
    rows = MAX_ROW // 4
    batch = read(HEADER + b'1,"2,3\n' + b"4,5,6\n" * rows, size=65536)
    assert codes(batch) == {0: "ROW_TOO_LONG"}
    assert rows - len(batch.instances) == MAX_ROW // 6
    assert batch.instances[-1] == [4.0, 5.0, 6.0]


def test_a_cell_of_a_megabyte_is_read() -> None:
    """A text may be long; it is the model that cuts it."""
    one = signature(Feature("remark", "text", length=4))
    cell = "물감" * 160_000
    batch = read(f"remark\n{cell}\n".encode(), one, size=65536)
    assert batch.instances == [[cell]]


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    """As spreadsheets write them; the mark may come in pieces."""
    data = b"\xef\xbb\xbf" + b'"area",rooms,distance\r\n1,2,3\r\n'
    for size in (1, 2, 65536):
        assert read(data, size=size).instances == [[1.0, 2.0, 3.0]]


def test_blank_lines_are_no_rows_but_where_a_row_is_one_cell() -> None:
    """There they are a missing value, so that no row loses its place."""
    assert read(HEADER + b"\n1,2,3\n\n\n").size == 1
    one = signature(Feature("remark", "text", length=4))
    assert read(b"remark\na\n\nb\n", one).instances == [["a"], [None], ["b"]]


def test_each_type_of_feature_is_read() -> None:
    """Numbers, words, true and false in any case, texts with line breaks; wrong words are errors of their row."""
    batch = read(b'size,colour,new,remark\n1e3,red,TRUE,"a\nb"\n,,,\n2,green,yes,\n', MIXED)
    assert batch.instances == [[1000.0, "red", True, "a\nb"], [None, None, None, None]]
    assert codes(batch) == {2: "WRONG_TYPE"}


def test_a_missing_value_that_must_not_be_missing_is_an_error_of_its_row() -> None:
    """The sentence names the feature."""
    batch = read(HEADER + b"1,,3\n1,2,3\n", linear_signature(missing=False))
    assert codes(batch) == {0: "WRONG_TYPE"}
    assert "rooms is empty" in str(batch.problems[0])


def test_kept_columns_pass_through_also_with_bad_rows() -> None:
    """They say which row it was; a row of another width can't be trusted to have them."""
    batch = read(b"id,area,rooms,distance\na,1,2,3\nb,x,2,3\nc,1\n", keep=("id", "area"))
    assert batch.kept == [["a", "1"], ["b", "x"], ["", ""]]


@pytest.mark.parametrize(("texts", "names"), [([], []), (["id,name"], ["id", "name"]), (['"a,b"', "c"], ["a,b", "c"])])
def test_keep_is_a_row_of_csv(texts: list[str], names: list[str]) -> None:
    """So that a name may have a comma."""
    assert keep_list(texts) == names


@pytest.mark.parametrize(("keep", "header"), [("nope", b""), ("error", b",error"), ("prediction", b",prediction")])
def test_keep_names_columns_that_are_there_and_none_of_the_answer(keep: str, header: bytes) -> None:
    """BAD_PARAMETER."""
    with pytest.raises(InputError, match="keep names") as caught:
        read(HEADER.strip() + header + b"\n", keep=(keep,))
    assert caught.value.code == "BAD_PARAMETER"
    with pytest.raises(InputError, match="twice"):
        keep_list(["a,a"])


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, st.floats(width=32, allow_nan=False, allow_infinity=False)), max_size=12),
    size=st.integers(1, 40),
    most=st.integers(1, 5),
)
def test_what_the_csv_module_writes_comes_back(rows: list[tuple[str, float]], size: int, most: int) -> None:
    """Any kept text and any number, whatever the blocks and batches; and our own table is read by others."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["area", "id", "rooms", "distance"])
    writer.writerows([[repr(number), text, "", "1"] for text, number in rows])
    reader = CsvReader(lines(table.getvalue().encode(), size), NOTES, ["id"])
    batch = everything(reader, most)
    assert not batch.problems
    assert batch.instances == [[number, None, 1.0] for _, number in rows]
    answers = CsvWriter(NOTES, ["id"])
    output = np.array([number for _, number in rows], np.float32)
    written = (answers.head() + answers.rows(batch, output)).decode()
    back = list(csv.reader(io.StringIO(written, newline="")))
    assert back[0] == ["id", "prediction", "error"]
    assert [(row[0], np.float32(row[1]), row[2]) for row in back[1:]] == [(t, np.float32(n), "") for t, n in rows]


def ndjson(data: bytes, size: int = 7) -> Batch:
    """The rows of NDJSON."""
    return everything(NdjsonReader(lines(data, size)))


def test_ndjson_takes_objects_and_lists() -> None:
    """One a line; blank lines are none; the last one needs no end."""
    batch = ndjson(b'{"area":1,"rooms":2,"distance":3}\n\n  \n[1,2,null]\r\n"text"')
    assert batch.instances == [{"area": 1, "rooms": 2, "distance": 3}, [1, 2, None], "text"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "BAD_JSON"),
        (b"1],[2", "BAD_JSON"),
        (b"[NaN]", "NON_FINITE"),
        (b"[1e400]", "OUT_OF_RANGE"),
        (b'["\\ud800"]', "BAD_UTF8"),
        (b'["\xff"]', "BAD_UTF8"),
        (b'{"a":1,"a":2}', "DUPLICATE_KEY"),
        (b"[" * 200 + b"]" * 199, "TOO_DEEP"),
        (b'{"a":' * 990 + b"1" + b"}" * 990, "TOO_DEEP"),
        (b"[" + b"1," * MAX_ROW + b"1]", "ROW_TOO_LONG"),
    ],
)
def test_a_bad_line_is_an_error_in_its_place(line: bytes, code: str) -> None:
    """The lines before and after it are read."""
    batch = ndjson(b"[1]\n" + line + b"\n[2]\n", 65536)
    assert (batch.instances, codes(batch)) == ([[1], [2]], {1: code})


def test_no_line_at_all_is_refused() -> None:
    """As an empty body is everywhere."""
    with pytest.raises(InputError, match="no line") as caught:
        ndjson(b"\n \n")
    assert caught.value.code == "EMPTY_BODY"


def compute(tensors: Arrays, rows: int) -> Output:
    """The first number of each row; a -1 spoils the whole answer."""
    first = tensors["numeric"][:, 0]
    if (first == -1).any():
        raise bad_backend()
    return first


def test_only_the_rows_in_error_have_no_answer() -> None:
    """Unreadable, unfit for the model, or spoiling the model's answer: each is found among the good ones."""
    numbers = [f"{number},1,1" for number in range(100)]
    numbers[10], numbers[20], numbers[30], numbers[31] = "x,1,1", "1e39,1,1", "-1,1,1", "-1,1,1"
    batch = CsvReader(lines(HEADER + "\n".join(numbers).encode()), NOTES).batch(1000)
    assert batch is not None
    output = Scorer(Encoder(NOTES), compute).score(batch)
    bad = {10: "WRONG_TYPE", 20: "OUT_OF_RANGE", 30: "BAD_BACKEND", 31: "BAD_BACKEND"}
    assert codes(batch) == bad
    assert output.tolist() == [number for number in range(100) if number not in bad]
    assert str(batch.problems[20]).startswith("area does not fit")
    written = CsvWriter(NOTES).rows(batch, output).decode().splitlines()
    assert [line.partition(",")[0] for line in written] == [
        "" if number in bad else f"{number}.0" for number in range(100)
    ]


def test_a_model_that_only_gives_rubbish_is_not_asked_for_ever() -> None:
    """The search for the rows that spoil has an end."""
    calls = 0

    def rubbish(tensors: Arrays, rows: int) -> Output:
        nonlocal calls
        calls += 1
        raise bad_backend()

    scorer = Scorer(Encoder(NOTES), rubbish)
    for _ in range(10):
        batch = CsvReader(lines(HEADER + b"1,1,1\n" * 1000, 65536), NOTES).batch(1000)
        assert batch is not None
        assert len(scorer.score(batch)) == 0
        assert len(batch.problems) == 1000
    assert calls < Scorer.SEARCHES + 20


def test_classes_are_written_with_their_probability() -> None:
    """CSV and NDJSON give the same digits."""
    features = (Feature("a", "number"),)
    target = Target("t", classes=('say "a"', "b,c"))
    one = Signature("m", "classification", features, target, graph_inputs(features), graph_outputs(target), {})
    batch = Batch(3, [[1], [2]], [0, 2], {1: ApiError(400, "RAGGED", "No.")}, [[], [], []])
    output = np.array([[0.9, 0.1], [0.25, 0.75]], np.float32)
    table = CsvWriter(one)
    rows = list(csv.reader(io.StringIO((table.head() + table.rows(batch, output)).decode())))
    assert rows == [
        ["label", "probability", "error"],
        ['say "a"', "0.9", ""],
        ["", "", "RAGGED: No."],
        ["b,c", "0.75", ""],
    ]
    assert NdjsonWriter(one).rows(batch, output).decode().splitlines() == [
        '{"label":"say \\"a\\"","probability":0.9}',
        '{"error":"No.","code":"RAGGED"}',
        '{"label":"b,c","probability":0.75}',
    ]
