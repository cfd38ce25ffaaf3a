"""Parquet: its own types, the same table as text would make, and on to the served prediction."""

import datetime
import decimal
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.data.files import read
from model.data.table import Table
from model.errors import DataError
from tests.model.test_own_table import FOUR_LINES, mixed, predict, published
from tests.processes import ROOT

N = 30
TARGET = [n * 2.5 + n % 7 for n in range(N)]


def table(folder: Path, columns: dict[str, Any], row_group: int = 8, **given: Any) -> Table:
    """The table that columns beside the target make, in several row groups."""
    pq.write_table(pa.table({**columns, "y": TARGET}), folder / "t.parquet", row_group_size=row_group)
    return read(folder / "t.parquet", "y", **given)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([n % 5 for n in range(N)], pa.uint8()),
        pa.array([n % 5 for n in range(N)], pa.int64()),
        pa.array(np.arange(N, dtype=np.float16) % 5),
        pa.array([n % 5 for n in range(N)], pa.float32()),
        pa.array([decimal.Decimal(n % 5) for n in range(N)], pa.decimal128(10, 2)),
        pa.array([n % 5 for n in range(N)], pa.int32()).dictionary_encode(),
        pa.array([str(n % 5) for n in range(N)]),
    ],
)
def test_every_kind_of_number_is_one(tmp_path: Path, values: pa.Array) -> None:
    """Integers, floats, decimals, dictionaries of them, and numbers written as strings."""
    found = table(tmp_path, {"a": values})
    assert found.numbers == ("a",)
    assert found.numeric[:, 0].tolist() == [n % 5 for n in range(N)]
    assert found.numeric.dtype == np.float32


def test_words_booleans_and_gaps(tmp_path: Path) -> None:
    """Strings and dictionaries are categories, sentences a text; a null, a NaN and an empty string are missing."""
    words = [("Seoul", "NA", "", None)[n % 4] for n in range(N)]
    columns = {
        "gap": [None if n % 3 == 0 else float("nan") if n % 3 == 1 else n for n in range(N)],
        "word": pa.array(words), "code": pa.array([*words[8:], *words[:8]]).dictionary_encode(),
        "flag": [None if n == 3 else n % 2 == 0 for n in range(N)],
        "said": pa.array([f"review {n} is quite long, I think" if n else None for n in range(N)], pa.string_view()),
    }  # fmt: skip
    found = table(tmp_path, columns)
    assert np.isnan(found.numeric[:, 0]).sum() == 20
    assert [(column.name, column.type, column.levels) for column in found.words] == [
        ("word", "category", ("NA", "Seoul")), ("code", "category", ("NA", "Seoul")),
        ("flag", "boolean", ("false", "true")),
    ]  # fmt: skip
    assert found.words[0].codes[:4].tolist() == [1, 0, -1, -1]
    assert found.words[2].codes[:4].tolist() == [1, 0, 1, -1]
    assert found.text is not None
    assert found.text.values[:2] == ("", "review 1 is quite long, I think")


def test_columns_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    """Keys, though float32 can't tell them apart; constants, nulls, and dates, which have to become numbers first."""
    day = datetime.date(2020, 1, 1)
    columns = {
        "a": [n % 5 for n in range(N)], "id": [10**9 + n * 3 for n in range(N)], "row": list(range(N)),
        "fixed": [True] * N, "none": pa.nulls(N), "day": [day] * N,
        "at": pa.array([datetime.datetime(2020, 1, 1)] * N, pa.timestamp("us")),
    }  # fmt: skip
    left_out = table(tmp_path, columns).left_out
    assert list(left_out) == ["id", "row", "fixed", "none", "day", "at"]
    assert left_out["id"] == left_out["row"] == "it numbers the rows"
    assert left_out["day"].startswith("it holds Parquet's date32[day]; turn it into numbers")
    with pytest.raises(DataError, match="column 'at' can't be a number: it holds Parquet's timestamp"):
        table(tmp_path, columns, types={"at": "number"})
    assert table(tmp_path, {**columns, "tags": [[1]] * N}, ignore=["tags"]).features == ("a",)


def test_numbers_may_be_said_to_be_words(tmp_path: Path) -> None:
    """As words they are written as briefly as they can be."""
    found = table(tmp_path, {"a": [(1.0, 2.7, None)[n % 3] for n in range(N)]}, types={"a": "category"})
    assert found.words[0].levels == ("1", "2.7")
    assert found.words[0].codes[:3].tolist() == [0, 1, -1]


def test_a_target_keeps_its_digits(tmp_path: Path) -> None:
    """Quantities are float64, so that the scores are of what the file says."""
    pq.write_table(pa.table({"a": TARGET, "y": [1e9 + n / 8 for n in range(N)]}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", "y").target[3] == 1e9 + 3 / 8


@pytest.mark.parametrize(("kind", "task"), [(pa.bool_(), "classification"), (pa.string(), "classification")])
def test_a_target_of_words_or_booleans_is_a_class(tmp_path: Path, kind: pa.DataType, task: str) -> None:
    """Two words make a classification."""
    goal = pa.array([n % 3 == 0 for n in range(N)]).cast(kind)
    pq.write_table(pa.table({"a": TARGET, "y": goal}), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet", "y")
    assert (found.task, found.classes) == (task, ("false", "true"))


def from_text(text: str) -> pa.Table:
    """The columns of a file of four: two of words between two of numbers."""
    lines = [line.split(",") for line in text.splitlines()]
    columns = dict(zip(lines[0], zip(*lines[1:], strict=True), strict=True))
    for name in ("area", "price"):
        columns[name] = [float(cell) if cell else None for cell in columns[name]]
    return pa.table({**columns, "lift": [cell == "true" for cell in columns["lift"]]})


def test_it_makes_the_table_that_text_makes(tmp_path: Path) -> None:
    """The same rows as CSV and as Parquet are the same table, but for the file's checksum."""
    (tmp_path / "t.csv").write_text(mixed(200))
    pq.write_table(from_text(mixed(200)), tmp_path / "t.parquet", row_group_size=64)
    text, found = (read(tmp_path / name, "price") for name in ("t.csv", "t.parquet"))
    np.testing.assert_array_equal(found.numeric, text.numeric)
    np.testing.assert_array_equal(found.target, text.target)
    for one, other in zip(found.words, text.words, strict=True):
        assert (one.name, one.type, one.levels) == (other.name, other.type, other.levels)
        np.testing.assert_array_equal(one.codes, other.codes)
    assert found.sha256 == hashlib.sha256((tmp_path / "t.parquet").read_bytes()).hexdigest()


def test_it_trains_and_serves(tmp_path: Path) -> None:
    """Four lines name the file; words, gaps and unseen words work through to the published graph."""
    pq.write_table(from_text(mixed(400)), tmp_path / "own.parquet")
    recipe = FOUR_LINES.replace("own.csv", "own.parquet").replace("value", "price") + "[training]\nepochs = 60\n"
    entry = published(tmp_path, recipe)
    assert [(feature.type, feature.missing) for feature in entry.signature.features] == [
        ("number", True), ("category", True), ("boolean", False),
    ]  # fmt: skip
    answer = predict(entry, [[30, "Gangnam", True], [30, None, False], [None, "Atlantis", False]])
    assert answer[0] == pytest.approx(14, rel=0.15)
    assert np.isfinite(answer).all()
    environment = json.loads((entry.path / "environment.json").read_text())
    assert environment["data"]["sha256"] == hashlib.sha256((tmp_path / "own.parquet").read_bytes()).hexdigest()


def test_text_files_do_not_load_pyarrow(tmp_path: Path) -> None:
    """Neither the command nor the reading of a CSV waits for a library that it does not need."""
    (tmp_path / "t.csv").write_text(mixed(20))
    code = (
        "import sys, pathlib, model.__main__\nfrom model.data.files import read\n"
        f"read(pathlib.Path({str(tmp_path / 't.csv')!r}), 'price')\nprint('pyarrow' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
