"""Large tables: never in memory as cells of text, and baselines on a part of the rows, which is said."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from model.data.description import features
from model.data.files import read
from model.data.split import split
from model.data.table import Table
from model.networks import preprocessing
from model.scores import baselines, limits, standing
from tests.bench import memory

ROWS, COLUMNS = 40_000, 8


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_reading_takes_little_more_than_the_numbers(tmp_path: Path, name: str) -> None:
    """At its peak four times the table in float32, and a block of cells; as a list of cells it would be far more."""
    values = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    columns = {f"x{place}": column for place, column in enumerate(values.T)}
    if name == "t.csv":
        lines = (",".join(map(repr, row)) for row in values.tolist())
        (tmp_path / name).write_text(",".join(columns) + "\n" + "\n".join(lines) + "\n")
    else:
        pq.write_table(pa.table(columns), tmp_path / name)
    tracemalloc.start()
    try:
        table = read(tmp_path / name, "x0")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(table.numeric, values[:, 1:].astype(np.float32))
    np.testing.assert_array_equal(table.target, values[:, 0])
    assert peak < 4 * 4 * ROWS * COLUMNS + 8e6


def test_blocks_and_words_that_begin_late_make_one_column(tmp_path: Path) -> None:
    """Words after many rows of numbers are read from the first row on, as they are written."""
    cells = [f"{n % 9:02}" if n < 9_000 else "abc"[n % 3] for n in range(20_000)]
    (tmp_path / "t.csv").write_text("w,a,y\n" + "".join(f"{cell},{n % 7},{n * 0.5}\n" for n, cell in enumerate(cells)))
    (column,) = read(tmp_path / "t.csv", "y").words
    assert [column.levels[code] for code in column.codes] == cells


def table(rows: int = 400) -> Table:
    """Two classes by the sign of the first of two numbers."""
    numeric = np.random.default_rng(1).normal(size=(rows, 2)).astype(np.float32)
    return Table(("a", "b"), numeric, "t", (numeric[:, 0] > 0).astype(np.int64), ("no", "yes"), "")


def test_baselines_of_a_part_of_the_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names in the scores tell the rows, and metrics.json has them; of a small table nothing is said."""
    found = table()
    parts, described = split(found, "random", 0), features(found, np.arange(len(found)))
    predicted = np.eye(2)[found.target[parts.test]]
    whole = standing.compare(found, described, parts, "random", predicted, 0)
    assert "gradient boosting" in dict(whole.lines)
    monkeypatch.setattr(limits, "MOST_ROWS", 100)
    part = standing.compare(found, described, parts, "random", predicted, 0)
    assert "gradient boosting (fitted on 100 rows)" in dict(part.lines)
    assert standing.metrics([part], 1, 1)["baselines_fitted_on"]["logistic regression"] == 100
    assert standing.metrics([whole], 1, 1)["baselines_fitted_on"] == {}


def test_a_class_that_the_part_lacks_has_no_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    """Baselines of a part may not have seen a rare class; their scores are of all classes even so."""
    found = table()
    rare = found.target.copy()
    rare[7] = 2
    found = replace(found, target=rare, classes=("no", "yes", "rare"))
    monkeypatch.setattr(limits, "MOST_ROWS", 50)
    scores = baselines.score(found, features(found, np.arange(400)), split(found, "random", 0), seed=0)
    assert scores["logistic regression"]["accuracy"] > 0.8


def test_preprocessing_by_blocks_is_preprocessing() -> None:
    """What is made of all rows at once, and a block at a time, is the same, an identity included."""
    numeric = table(1000).numeric
    numeric[::5, 1] = np.nan
    steps, rows = preprocessing.fit(numeric), torch.from_numpy(numeric)
    whole = steps(rows)
    torch.testing.assert_close(preprocessing.applied(steps, rows, size=64), whole, rtol=0, atol=0)
    texts = torch.arange(12, dtype=torch.int32).reshape(6, 2)
    assert preprocessing.applied(torch.nn.Identity(), texts, size=4).equal(texts)


def test_the_benchmark_of_memory_writes_one_table_in_two_forms(tmp_path: Path) -> None:
    """The CSV and the Parquet file that it trains on hold the same numbers."""
    memory.write(tmp_path, rows=25, columns=3)
    text, parquet = (read(tmp_path / name, "y") for name in ("table.csv", "table.parquet"))
    np.testing.assert_array_equal(text.numeric, parquet.numeric)
    np.testing.assert_array_equal(text.target, parquet.target)
    assert (tmp_path / "csv.toml").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)  # two whole runs
def test_rows_take_four_times_their_size_at_most(tmp_path: Path) -> None:
    """A run's peak memory rises by no more than that from few rows to many; few take what the export takes."""
    peaks = {}
    for rows in (10_000, 400_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        memory.write(folder, rows, columns=30)
        peaks[rows] = memory.measure(folder / "parquet.toml").peak
    assert peaks[400_000] - peaks[10_000] < 4 * (390_000 * 30 * 4 / memory.MB), peaks
