"""Tables: what is read from a file, and how mistakes in it are told."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data.cells import MISSING
from model.data.description import features
from model.data.files import read
from model.data.graph_inputs import encoded
from model.data.table import Table
from model.errors import DataError
from mulgam.encoding.encoder import Encoder
from mulgam.signature import Signature, Target, graph_inputs, graph_outputs

ROWS = "".join(f"{n * 1.5},{n * 2},{n * 3.5}\n" for n in range(1, 13))


def written(folder: Path, text: str | bytes, name: str = "houses.csv") -> Path:
    """The path of a file with this content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_of_numbers(tmp_path: Path) -> None:
    """Features keep the file's order, the target is taken out wherever it stands."""
    table = read(written(tmp_path, "a,price,b\n" + ROWS), "price")
    assert table.features == ("a", "b")
    assert table.task == "regression"
    assert table.numeric[1].tolist() == [3.0, 7.0]
    assert table.target[:2].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("word", ["", "NA", "NaN", "nan", "null", "N/A", "  "])
def test_missing_values(tmp_path: Path, word: str) -> None:
    """Empty cells and the usual words for nothing are missing values."""
    table = read(written(tmp_path, "a,b,price\n" + ROWS + f"{word},5,6\n"), "price")
    assert math.isnan(table.numeric[-1, 0])
    assert table.numeric[-1, 1] == 5.0


def test_a_byte_order_mark_and_other_line_ends_are_read(tmp_path: Path) -> None:
    """A file saved by a spreadsheet on Windows reads like any other."""
    text = "\ufeff" + ("a,b,price\n" + ROWS).replace("\n", "\r\n") + "\r\n"
    assert read(written(tmp_path, text), "price").features == ("a", "b")


@pytest.mark.parametrize(
    ("name", "separator", "given_one"), [("t.tsv", "\t", None), ("t.csv", ";", ";"), ("t.csv", "|", "|")]
)
def test_separators(tmp_path: Path, name: str, separator: str, given_one: str | None) -> None:
    """A .tsv is split at tabs, any other character can be given."""
    path = written(tmp_path, ("a,b,price\n" + ROWS).replace(",", separator), name)
    assert len(read(path, "price", separator=given_one)) == 12


def test_few_distinct_numbers_are_classes(tmp_path: Path) -> None:
    """A target with at most ten different numbers is a classification, in numeric order, 1 and 1.0 being one."""
    lines = "".join(f"{n / 2},{label}\n" for n, label in enumerate(["10", "2", "2.0", "10.0"] * 3))
    table = read(written(tmp_path, "a,kind\n" + lines), "kind")
    assert table.classes == ("2", "10")
    assert table.target[:4].tolist() == [1, 0, 0, 1]
    assert read(written(tmp_path, "a,kind\n" + lines), "kind", task="regression").task == "regression"


def test_words_are_classes(tmp_path: Path) -> None:
    """A target of words is a classification; its classes are in alphabetical order, Korean included."""
    lines = "".join(f"{n / 2},{label}\n" for n, label in enumerate(["빨강", "파랑", "노랑"] * 4))
    assert read(written(tmp_path, "a,색\n" + lines), "색").classes == ("노랑", "빨강", "파랑")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "houses.csv is empty"),
        (" \n\n", "houses.csv is empty"),
        ("a,b,price\n", "has a header and no rows; at least 10 are needed."),
        ("a,b,price\n1,2,3\n", "has a header and 1 row; at least 10 are needed."),
        ("a,b,cost\n" + ROWS, "has no column 'price' to predict; it has a, b, cost."),
        ("a,b,prize\n" + ROWS, "has no column 'price' to predict; did you mean 'prize'?"),
        ("a,a,price\n" + ROWS, "the header names 'a' twice"),
        ("a,,price\n" + ROWS, "column 2 has no name"),
        ("a;b;price\n" + ROWS.replace(",", ";"), "set [data] separator"),
        ("a,b,price\n" + ROWS + "1,x7,3\n", "houses.csv, row 13 (line 14), column 'b': 'x7' is not a number"),
        ("a,b,price\n" + ROWS + "1,inf,3\n", "row 13 (line 14), column 'b': 'inf' is not a number"),
        ("a,b,price\n" + ROWS + "1,1e39,3\n", "column 'b': '1e39' is not a number that a 32-bit float can hold"),
        ("a,b,price\n" + ROWS + "1,1_000,3\n", "column 'b': '1_000' is not a number"),
        ("a,b,price\n" + ROWS + "\n1,2\n", "houses.csv, row 13 (line 15) has 2 values; the header has 3."),
        ("a,b,price\n" + ROWS + "1,2,3,4\n", "row 13 (line 14) has 4 values"),
        ("a,b,price\n" + ROWS + "1,2,\n", "row 13 (line 14): the target 'price' is missing"),
        ("a,b,price\n" + ROWS + '1,"2"x,3\n', "line 14 can't be read as separated values"),
        ("a,b,price\n" + ROWS + '1,"2,3\n4,5,6\n', "a quote in the row that begins on line 14 is never closed"),
        ("a,price\n" + ",3\nNA,4\n" * 6, "no column left to predict 'price' from; 'a': no value in any row; "),
        ("a,b,price\n" + "1,2,3\n2,3,3\n" * 6, "the target 'price' has one class only, '3'"),
        (("a,b,price\n" + ROWS + "1,é,3\n").encode("latin-1"), "houses.csv, line 14 is not text in UTF-8"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_that_names_the_place(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    """Every mistake names the file and, where there is one, the row, the column and the value."""
    with pytest.raises(DataError) as problem:
        read(written(tmp_path, text), "price")
    assert sentence in str(problem.value)
    assert "houses.csv" in str(problem.value)
    assert str(tmp_path) not in str(problem.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(DataError, match=r"absent\.csv can't be read: No such file"):
        read(tmp_path / "absent.csv", "price")


def test_an_unknown_column_to_ignore_is_named(tmp_path: Path) -> None:
    """A slip in `ignore` is not passed over."""
    with pytest.raises(DataError, match="no column 'bb' to ignore; did you mean 'b'"):
        read(written(tmp_path, "a,b,price\n" + ROWS), "price", ignore=["bb"])


def test_a_target_of_words_cannot_be_a_quantity(tmp_path: Path) -> None:
    """`task = "regression"` on a target with a word names the row."""
    path = written(tmp_path, "a,b,price\n" + ROWS + "1,2,dear\n")
    with pytest.raises(DataError, match=r"row 13 \(line 14\), column 'price': 'dear' is not a number"):
        read(path, "price", task="regression")


def test_a_target_where_every_row_is_its_own_class_is_refused(tmp_path: Path) -> None:
    """Names as a target are not classes."""
    lines = "".join(f"{n},id-{n}\n" for n in range(12))
    with pytest.raises(DataError, match="12 different values in 12 rows"):
        read(written(tmp_path, "a,who\n" + lines), "who")


def test_a_quantity_that_never_varies_is_refused(tmp_path: Path) -> None:
    """A regression target with one value teaches nothing."""
    with pytest.raises(DataError, match="is 3 in every row"):
        read(written(tmp_path, "a,price\n" + "1,3\n2,3\n" * 6), "price", task="regression")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.tuples(NUMBERS | st.none(), NUMBERS, NUMBERS), min_size=10, max_size=30), st.sampled_from(",;\t|"))
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float | None, float, float]], separator: str
) -> None:
    """Any table of 32-bit floats with gaps comes back value by value, and encodes as serving would encode it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator)
    writer.writerow(["a", "b", "price"])
    writer.writerows([["" if value is None else repr(value) for value in row] for row in rows])
    path = written(tmp_path_factory.mktemp("table"), buffer.getvalue())
    numbers = {"a": "number", "b": "number"}
    if all(row[0] is None for row in rows) or len({row[2] for row in rows}) == 1:
        with pytest.raises(DataError):
            read(path, "price", separator=separator, task="regression", types=numbers)
        return
    table = read(path, "price", separator=separator, task="regression", types=numbers)
    expected = np.array([[math.nan if value is None else value for value in row] for row in rows])
    np.testing.assert_array_equal(table.numeric, expected[:, :2])
    np.testing.assert_array_equal(table.target, expected[:, 2])
    assert_encodes_like_serving(table, rows)


def assert_encodes_like_serving(table: Table, rows: Sequence[Sequence[object]]) -> None:
    """Training's encoding of a table is that of the signature's encoder for the same rows (features first)."""
    described, target = features(table, np.arange(len(table))), Target("price")
    signature = Signature("m", "regression", described, target, graph_inputs(described), graph_outputs(target), {})
    served = Encoder(signature).encode([list(row[: len(described)]) for row in rows])
    found = encoded(table, described, np.arange(len(table)))
    assert list(found) == [tensor.name for tensor in signature.inputs]
    for name, array in served.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), min_size=1, max_size=8).filter(
    lambda word: word.strip() == word and word.lower() not in MISSING
)
MIXED = st.tuples(NUMBERS | st.none(), WORD | st.none(), st.booleans() | st.none(), NUMBERS)


@given(st.lists(MIXED, min_size=10, max_size=30), st.sampled_from(",\t"))
def test_a_mixed_table_encodes_as_serving_would(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float | None, str | None, bool | None, float]],
    separator: str,
) -> None:
    """Numbers, words and booleans with gaps, from a file, give the tensors that serving makes of the same values."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator)
    writer.writerow(["a", "word", "flag", "price"])
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    path = written(tmp_path_factory.mktemp("table"), buffer.getvalue())
    types = {"a": "number", "word": "category", "flag": "boolean"}
    if len({row[3] for row in rows}) == 1 or any(all(row[place] is None for row in rows) for place in range(3)):
        with pytest.raises(DataError):
            read(path, "price", separator=separator, task="regression", types=types)
        return
    table = read(path, "price", separator=separator, task="regression", types=types)
    assert_encodes_like_serving(table, rows)


@given(
    st.binary(max_size=300) | st.text(alphabet='ab,1.5\n"-e', max_size=200).map(lambda text: ("a,b\n" + text).encode())
)
def test_any_bytes_are_a_table_or_an_error_of_ours(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content makes the reader fail in another way."""
    path = written(tmp_path_factory.mktemp("table"), content)
    try:
        table = read(path, "b")
    except DataError:
        return
    assert len(table) >= 10
