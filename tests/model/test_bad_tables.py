"""Bad tables: each ends `python -m model` in one sentence, and nothing is published."""

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.__main__ import main
from mulgam.registry import Registry

ROWS = "".join(f"{n * 1.5},{n % 5},{n * 3.5}\n" for n in range(1, 25))
TABLE = "a,b,y\n" + ROWS
RECIPE = 'name = "bad"\n[data]\npath = "{file}"\ntarget = "y"\n[training]\nepochs = 1\n'


def run(folder: Path, file: str = "t.csv", keys: str = "") -> int:
    """The exit code of the real command on a file of the folder; `keys` follow in [data]."""
    (folder / "bad.toml").write_text(RECIPE.format(file=file).replace("[training]", keys + "\n[training]"))
    return main([str(folder / "bad.toml"), "--registry", str(folder / "registry"), "--runs", str(folder / "runs")])


def refused(folder: Path, capsys: pytest.CaptureFixture[str], file: str = "t.csv", keys: str = "") -> str:
    """The one sentence that the command ends with; nothing is published and no run begun."""
    assert run(folder, file, keys) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("mulgam train: ")
    assert errors.count("\n") == 1
    assert Registry(folder / "registry").models() == []
    assert not (folder / "runs").exists()
    return errors.removeprefix("mulgam train: ").rstrip("\n")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "t.csv is empty; expected a header line and rows."),
        ("\ufeff", "t.csv is empty; expected a header line and rows."),
        ("a,b,y\n", "t.csv has a header and no rows; at least 10 are needed."),
        ("a,b,z\n" + ROWS, "t.csv has no column 'y' to predict; it has a, b, z."),
        ("a,b,y\n" + "1,2,x\n3,4,x\n" * 6, "t.csv: the target 'y' has one class only, 'x'; two are needed."),
        ("a,y\n" + "".join(f"{n},w{n % 1001}\n" for n in range(3003)),
         "t.csv: the target 'y' has 1,001 classes; at most 1,000 can be learnt; put the rare ones together under"),
        ("a,b,y\n" + "1,2,3\n3,4,3\n" * 6, "t.csv: the target 'y' has one class only, '3'; two are needed."),
        (TABLE + "1,2,\n", "t.csv, row 25 (line 26): the target 'y' is missing; remove the row or fill it in."),
        ("a,y\n" + "nan,1\n,2\n" * 6, "t.csv has no column left to predict 'y' from; 'a': no value in any row;"),
        (TABLE + "1,two,3\n", "t.csv, row 25 (line 26), column 'b': 'two' is not a number that a 32-bit"),
        (TABLE + "-inf,2,3\n", "t.csv, row 25 (line 26), column 'a': '-inf' is not a number"),
        (TABLE + "1,2,1e300\n", "t.csv, row 25 (line 26), column 'y': '1e300' is not a number that a 32-bit float"),
        ("a,a,y\n" + ROWS, "t.csv: the header names 'a' twice; column names must differ."),
        ("a, a ,y\n" + ROWS, "t.csv: the header names 'a' twice; column names must differ."),
        ("a," + "b" * 201 + ",y\n" + ROWS, "t.csv: the name of column 2 has 201 characters; at most 200 are taken."),
        ("a,b,y\n" + "1,u,2\n3,v,4\n" * 6 + "5," + "w" * 10**6 + ",6\n",
         "t.csv, row 13 (line 14), column 'b': a word of 1,000,000 characters; a category has at most 1,000;"),
        ("a,b,y\n" + "1,2,no\n3,4,yes\n" * 6 + ("5,6," + "n" * 1001 + "\n") * 2,
         "t.csv, row 13 (line 14), column 'y': a word of 1,001 characters; a class has at most 1,000."),
        ("a,,y\n" + ROWS, "t.csv: column 2 has no name in the header."),
        (TABLE.encode() + b"1,\xff,3\n", "t.csv, line 26 is not text in UTF-8; save the file as UTF-8."),
        (TABLE.encode("utf-16"), "t.csv is text in UTF-16; save the file as UTF-8."),
        (TABLE.encode("utf-16-le"), "t.csv, line 1 holds a NUL byte, which no table has; is it a text file in UTF-8?"),
        (TABLE + "1,\0,3\n", "t.csv, line 26 holds a NUL byte, which no table has; is it a text file in UTF-8?"),
        (TABLE + '1,"2,3\n' + ROWS, "t.csv: a quote in the row that begins on line 26 is never closed;"),
        (TABLE + '1,"2,3\n' + ROWS + 'x,"said so",3\n',
         "t.csv: a quote in the row that begins on line 26 seems never closed; write"),
        (TABLE + '1,"2"3,4\n', "t.csv, line 26 can't be read as separated values: "),
        (TABLE + "\n\n1,2\n", "t.csv, row 25 (line 28) has 2 values; the header has 3."),
        (TABLE + "1,2,3,4\n", "t.csv, row 25 (line 26) has 4 values; the header has 3."),
        (TABLE.replace(",", ";"), "t.csv: the header 'a;b;y' has only one column when split at ',';"),
        (bytes(range(128, 256)) * 10, "t.csv, line 1 is not text in UTF-8; save the file as UTF-8."),
    ],
)  # fmt: skip
def test_a_bad_text_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, sentence: str
) -> None:
    """Exit code 1; the sentence names file, row, line, column and value, those that there are."""
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refused(tmp_path, capsys).startswith(sentence)


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        ('c = "m"', "t.csv has no column 'c' to give a unit to; it has a, b, y."),
        ('b = "m"', "t.csv: column 'b' is of type category, which has no unit ([data] units)."),
        ('y = "m"', "t.csv: column 'y' holds classes, which has no unit ([data] units)."),
    ],
)
def test_a_unit_of_what_has_none_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], units: str, sentence: str
) -> None:
    """Units are of numbers that the table has."""
    (tmp_path / "t.csv").write_text("a,b,y\n" + "1,u,no\n3,v,yes\n4,u,no\n" * 6)
    assert refused(tmp_path, capsys, keys=f"units = {{{units}}}") == sentence


def test_words_that_begin_late_are_found_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A word after ten thousand numbers is a mistake of its row; blank lines before it count as lines, not as rows."""
    rows = "".join(f"{n},{n % 7},{n * 2.5}\n" for n in range(10_000))
    (tmp_path / "t.csv").write_text("a,b,y\n\n" + rows + "1,x,2\n")
    assert refused(tmp_path, capsys).startswith("t.csv, row 10001 (line 10003), column 'b': 'x' is not a number")


def parquet(folder: Path, **columns: object) -> None:
    """`t.parquet` with a number `a`, a target `y` and further columns, 24 rows each."""
    pq.write_table(pa.table({"a": [n * 1.5 for n in range(24)], **columns, "y": [n * 3.5 for n in range(24)]}),
                   folder / "t.parquet")  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"tags": [["x"]] * 24}, "t.parquet: column 'tags' is nested (Parquet's 'list<element: string>'); put it"),
        ({"who": [{"n": 1}] * 24}, "t.parquet: column 'who' is nested (Parquet's 'struct<n: int64>')"),
        ({"raw": [b"x"] * 24}, "t.parquet: column 'raw' holds neither numbers nor words (Parquet's 'binary')"),
        ({"b": [1.0] * 20 + [float("inf")] * 4}, "t.parquet, row 21, column 'b': 'inf' is not a number"),
        ({"b": [1e300] * 24}, "t.parquet, row 1, column 'b': '1e+300' is not a number that a 32-bit float can hold"),
        ({" a": [1] * 24}, "t.parquet: the header names 'a' twice; column names must differ."),
        ({"b": ["one"] * 12 + ["2"] * 12}, "t.parquet, row 1, column 'b': 'one' is not a number"),
    ],
)  # fmt: skip
def test_a_bad_parquet_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: dict[str, object], sentence: str
) -> None:
    """Nested columns and those of bytes are refused by name, infinite values by their row."""
    parquet(tmp_path, **columns)
    assert refused(tmp_path, capsys, "t.parquet").startswith(sentence)


@pytest.mark.parametrize(
    "damaged",
    [lambda whole: whole[:-40], lambda whole: whole[:200] + bytes(200) + whole[400:], lambda whole: TABLE.encode()],
)
def test_a_damaged_parquet_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: Callable[[bytes], bytes]
) -> None:
    """Cut off, overwritten in the middle, or no Parquet at all."""
    parquet(tmp_path)
    path = tmp_path / "t.parquet"
    path.write_bytes(damaged(path.read_bytes()))
    assert refused(tmp_path, capsys, "t.parquet").startswith("t.parquet is no Parquet file, or a damaged one: ")


def test_a_parquet_target_with_gaps_is_told_by_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a file has rows and no lines."""
    pq.write_table(pa.table({"a": [*range(24)], "y": [*range(20), None, 1, 2, 3]}), tmp_path / "t.parquet")
    assert refused(tmp_path, capsys, "t.parquet").startswith("t.parquet, row 21: the target 'y' is missing;")


@pytest.mark.parametrize("keys", ['separator = ";"', 'columns = ["a", "y"]'])
def test_keys_of_text_files_are_refused_for_parquet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    """A Parquet file names its columns and separates nothing."""
    parquet(tmp_path)
    assert "is a Parquet file, which needs no [data] " in refused(tmp_path, capsys, "t.parquet", keys)


def test_a_path_that_is_no_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a device, a pipe that nobody writes to: told at once, and none of them is read."""
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    assert "folder.csv can't be read: it is a folder." in refused(tmp_path, capsys, "folder.csv")
    assert "pipe.csv can't be read: it is no regular file." in refused(tmp_path, capsys, "pipe.csv")
    assert "/dev/zero can't be read: it is no regular file." in refused(tmp_path, capsys, "/dev/zero")
    assert "absent.parquet can't be read: No such file or directory." in refused(tmp_path, capsys, "absent.parquet")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The system's own words."""
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "t.csv").chmod(0)
    assert "t.csv can't be read: Permission denied." in refused(tmp_path, capsys)


def test_what_looks_bad_and_is_not_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A byte order mark, Windows' line ends, an empty column, a text of a million characters, a name with spaces."""
    rows = "".join(
        f'{n * 1.5},,"{"long text of many words " * 42_000 if n == 3 else f"review {n} is short"}",{n * 3.5}\r\n'
        for n in range(24)
    )
    (tmp_path / "t.csv").write_bytes(("\ufeffnumber of rooms,empty,said,y\r\n" + rows).encode())
    assert run(tmp_path) == 0
    output = capsys.readouterr().out
    assert "'empty' is left out: no value in any row" in output
    assert "of longer texts the model reads the first 512 characters at most" in output
    (entry, _) = Registry(tmp_path / "registry").newest("bad")
    assert entry is not None
    assert [feature.name for feature in entry.signature.features] == ["number of rooms", "said"]
