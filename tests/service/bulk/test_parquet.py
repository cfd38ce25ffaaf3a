"""`mulgam predict` from and to Parquet: the answers of the same table as CSV, types kept, and any damage told."""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.data.files import read as read_for_training
from mulgam.errors import InputError, MulgamError
from mulgam.registry import Registry
from mulgam.signature import Feature, Signature
from service.bulk import formats, offline, packing, progress
from service.bulk.__main__ import DONE, FAILED, INTERRUPTED, ROWS_IN_ERROR, main
from service.bulk.parquet_rows import ParquetReader, ParquetWriter
from service.bulk.partial import PartialFile
from service.bulk.rows import Batch
from service.errors import ApiError
from tests import builders
from tests.processes import ROOT
from tests.service.bulk.test_offline import fail_after
from tests.service.bulk.test_rows import codes, everything, signature

Predict = Callable[..., int]
ROWS = 3000
NOTES = builders.linear_signature()


def notes(rows: int = ROWS) -> pa.Table:
    """A table for the notes' model with a key; every seventh room is missing."""
    number = np.arange(rows)
    rooms = pa.array([None if n % 7 == 0 else n % 5 for n in number.tolist()], pa.int8())
    distance = (number % 9 / 10).astype(np.float32)
    return pa.table({"id": number, "area": number % 60 / 7, "rooms": rooms, "distance": distance})


def write(path: Path, table: pa.Table, **options: Any) -> Path:
    """A file of Parquet in several row groups."""
    pq.write_table(table, path, **{"row_group_size": 700, **options})
    return path


@pytest.fixture(scope="module")
def own(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """`notes`, `shapes`, and `mixed` with a feature of each type."""
    root = Path(shutil.copytree(registry.root, tmp_path_factory.mktemp("own") / "registry"))
    builders.publish_mixed(root)
    return Registry(root)


@pytest.fixture
def predict(own: Registry, tmp_path: Path) -> Predict:
    """The command; names are of files in the test's own folder."""

    def run(model: str, source: str, target: str, *options: str) -> int:
        names = [name if name == "-" else str(tmp_path / name) for name in (source, target)]
        return main([model, *names, "--registry", str(own.root), "--quiet", *options])

    return run


def reader(path: Path, of: Signature = NOTES, keep: tuple[str, ...] = (), *, as_text: bool = False) -> ParquetReader:
    """Of a file."""
    return ParquetReader(path, of, keep, as_text=as_text)


def instances(path: Path, of: Signature) -> list[Any]:
    """What a model gets of a file without errors."""
    batch = everything(reader(path, of))
    assert not batch.problems
    return batch.instances


def mixed_table() -> pa.Table:
    """Rows for `mixed`: each kind of gap, an unseen word, and `size` missing, which must be there, in row 3."""
    return pa.table(
        {
            "id": ["a,b", "", "c", None, "e"],
            "size": [1.5, 1e-7, float("1e39"), None, -2.0],
            "town": pa.array(["Seoul", None, "부산", "", "nowhere"]).dictionary_encode(),
            "new": [True, False, None, True, False],
            "words": ["rather nice", "", None, 'a "quoted" 말', "x"],
        }
    )


@pytest.mark.parametrize(
    ("model", "table", "status"),
    [
        ("notes", notes(), DONE),
        ("mixed", mixed_table(), ROWS_IN_ERROR),
        ("shapes", pa.table({"id": ["x"], "width": [1], "height": [0.1], "depth": [None]}), DONE),
    ],
)
def test_the_answers_are_those_of_the_same_table_as_csv(
    predict: Predict, tmp_path: Path, model: str, table: pa.Table, status: int
) -> None:
    """From either format to either: the same float32, bit by bit, the same labels, errors and keys."""
    write(tmp_path / "in.parquet", table)
    plain = table.set_column(2, "town", table["town"].cast(pa.string())) if model == "mixed" else table
    pyarrow.csv.write_csv(plain, tmp_path / "in.csv")
    for source in ("in.csv", "in.parquet"):
        for target in (f"{source}.csv", f"{source}.pq", f"{source}.tsv"):
            assert predict(model, source, target, "--keep", "id") == status
    assert (tmp_path / "in.parquet.csv").read_bytes() == (tmp_path / "in.csv.csv").read_bytes()
    assert (tmp_path / "in.parquet.tsv").read_bytes() == (tmp_path / "in.csv.tsv").read_bytes()
    texts = {"id": pa.string(), "label": pa.string(), "error": pa.string()}
    options = pyarrow.csv.ConvertOptions(column_types=texts)
    csv = pyarrow.csv.read_csv(tmp_path / "in.csv.csv", convert_options=options)
    number = "prediction" if model == "notes" else "probability"
    expected = np.array([np.nan if one is None else one for one in csv[number].to_pylist()], np.float64)
    for name, key in (("in.parquet.pq", table["id"]), ("in.csv.pq", csv["id"])):
        found = pq.read_table(tmp_path / name)
        assert found["id"].to_pylist() == key.to_pylist()
        assert found[number].type == pa.float32()
        values = found[number].to_numpy()
        np.testing.assert_array_equal(values.view(np.uint32), expected.astype(np.float32).view(np.uint32))
        assert [one or "" for one in found["error"].to_pylist()] == csv["error"].to_pylist()
        if model != "notes":
            assert [one or "" for one in found["label"].to_pylist()] == csv["label"].to_pylist()
        assert (found["error"].null_count, found[number].null_count) == (
            table.num_rows - 2 * status // 3,
            2 * status // 3,
        )


def test_the_answers_are_the_services(predict: Predict, client: FlaskClient, tmp_path: Path) -> None:
    """As it answers the same table over HTTP."""
    table = notes()
    write(tmp_path / "in.parquet", table)
    pyarrow.csv.write_csv(table, tmp_path / "in.csv")
    assert predict("notes", "in.parquet", "out.csv", "--keep", "id") == DONE
    answer = client.post("/predict/notes?keep=id", data=(tmp_path / "in.csv").read_bytes(), content_type="text/csv")
    assert (tmp_path / "out.csv").read_bytes() == answer.data


@pytest.mark.parametrize(
    "values",
    [
        pa.array([3, 4, None], pa.uint8()),
        pa.array([3, 4, None], pa.int64()),
        pa.array([3.0, 4.0, None], pa.float32()).cast(pa.float16()),
        pa.array([3, 4, float("nan")], pa.float32()),
        pa.array([3, 4, None], pa.float64()),
        pa.array([decimal.Decimal(3), decimal.Decimal(4), None], pa.decimal128(10, 2)),
        pa.array([decimal.Decimal(3), decimal.Decimal(4), None], pa.decimal256(40, 2)),
        pa.array(["3", " 4e0 ", ""]),
        pa.array(["3", "4", None], pa.large_string()).dictionary_encode(),
    ],
)
def test_every_kind_of_number_is_one(tmp_path: Path, values: pa.Array) -> None:
    """Of any width, and as a string; a null, a NaN and an empty string are missing."""
    one = signature(Feature("a", "number"))
    assert instances(write(tmp_path / "t.parquet", pa.table({"a": values})), one) == [[3.0], [4.0], [None]]


@pytest.mark.parametrize("kind", ["category", "text"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.array(["7", "x y", "", None]), ["7", "x y", None, None]),
        (pa.array(["7", "x", "", None], pa.string_view()), ["7", "x", None, None]),
        (pa.array(["7", "x", "", None]).dictionary_encode(), ["7", "x", None, None]),
        (pa.array([7, 2**40, None]), ["7", str(2**40), None]),
        (pa.array([7.0, 0.1, float("nan"), None]), ["7", "0.1", None, None]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_words_come_from_strings_and_from_numbers_as_training_spells_them(
    tmp_path: Path, values: pa.Array, words: list[str | None], kind: Any
) -> None:
    """7.0 and 7 are the word 7; what is missing has none."""
    path = write(tmp_path / "t.parquet", pa.table({"a": values}))
    assert instances(path, signature(Feature("a", kind, length=9))) == [[word] for word in words]


def test_booleans(tmp_path: Path) -> None:
    """As such or in words; a column of numbers is none."""
    one = signature(Feature("a", "boolean"))
    for values in (pa.array([True, False, None]), pa.array(["TRUE", "false", ""])):
        assert instances(write(tmp_path / "t.parquet", pa.table({"a": values})), one) == [[True], [False], [None]]
    with pytest.raises(InputError, match="'a' holds Parquet's int64; this model takes true and false there"):
        reader(write(tmp_path / "t.parquet", pa.table({"a": [1, 0]})), one)


def test_what_training_takes_for_missing_is_missing(tmp_path: Path) -> None:
    """The same file, read by training and for a prediction: the same gaps, the same words, the same numbers."""
    n = 40
    table = pa.table(
        {
            "number": [(None, float("nan"), 1.5, 2.0)[k % 4] for k in range(n)],
            "word": [("", None, "NA", "nan", " x")[k % 5] for k in range(n)],
            "coded": pa.array([("", None, "NA", "x")[k % 4] for k in range(n)]).dictionary_encode(),
            "digits": [(None, 1.0, 2.7, float("nan"))[k % 4] for k in range(n)],
            "single": pa.array([(None, 0.1, 3.0)[k % 3] for k in range(n)], pa.float32()),
            " flag ": [(None, True, False)[k % 3] for k in range(n)],
            "y": [float(k % 11) for k in range(n)],
        }
    )
    path = write(tmp_path / "t.parquet", table)
    trained = read_for_training(path, "y", types={"digits": "category", "single": "category"})
    features = [Feature(name, "number") for name in trained.numbers]
    features += [Feature(words.name, words.type) for words in trained.words]
    found = everything(reader(path, signature(*features), ("y",)))
    assert not found.problems
    numbers = [[np.nan if value is None else value for value in row[: len(trained.numbers)]] for row in found.instances]
    np.testing.assert_array_equal(np.array(numbers, np.float32), trained.numeric)
    assert [words.name for words in trained.words] == ["word", "coded", "digits", "single", "flag"]
    for place, words in enumerate(trained.words, start=len(trained.numbers)):
        expected = [None if code < 0 else words.levels[code] for code in words.codes.tolist()]
        given_words = [row[place] for row in found.instances]
        if words.type == "boolean":
            given_words = [None if word is None else str(word).lower() for word in given_words]
        assert given_words == expected, words.name


def test_a_wrong_value_is_an_error_of_its_row(tmp_path: Path) -> None:
    """A word for a number, a gap where none may be, bytes that are no text; the rows beside it are read."""
    spoilt = pa.array([b"Seoul", b"\xff", b"x", b"x"]).view(pa.string())
    table = pa.table({"size": ["1", "2", "many", None], "town": spoilt, "new": [True] * 4, "words": ["a"] * 4})
    features = (
        Feature("size", "number", missing=False), Feature("town", "category"), Feature("new", "boolean"),
        Feature("words", "text", length=4),
    )  # fmt: skip
    batch = everything(reader(write(tmp_path / "t.parquet", table), signature(*features), ("town",)))
    assert batch.instances == [[1.0, "Seoul", True, "a"]]
    assert codes(batch) == {1: "BAD_UTF8", 2: "WRONG_TYPE", 3: "WRONG_TYPE"}
    assert str(batch.problems[3]) == "size is empty; this model needs a value there."
    kept = everything(reader(tmp_path / "t.parquet", signature(*features), ("town",), as_text=True)).kept
    assert kept == [["Seoul"], ["\ufffd"], ["x"], ["x"]]


KEPT = {
    "whole": (pa.array([2**63 - 1, None]), ["9223372036854775807", ""]),
    "single": (pa.array([0.1, None], pa.float32()), ["0.1", ""]),
    "exact": (pa.array([decimal.Decimal("1.50"), None], pa.decimal128(9, 2)), ["1.50", ""]),
    "day": (pa.array([datetime.date(2026, 11, 21), None]), ["2026-11-21", ""]),
    "moment": (pa.array([0, None], pa.timestamp("ms", "Asia/Seoul")), ["1970-01-01 09:00:00.000+0900", ""]),
    "flag": (pa.array([True, None]), ["true", ""]),
    "word": (pa.array(["a,b", None]), ["a,b", ""]),
    "nothing": (pa.nulls(2), ["", ""]),
    "level": (pa.array(["x", None]).dictionary_encode(), ["x", ""]),
}
BYTES = pa.array([b"\xff\x00", None])


def test_kept_columns_keep_their_types(predict: Predict, tmp_path: Path) -> None:
    """From Parquet to Parquet as they are, dictionaries as their words; to CSV as text, a null as an empty cell."""
    kept = {name: column for name, (column, _) in KEPT.items()}
    table = notes(2).append_column("bytes", BYTES)
    for name, column in kept.items():
        table = table.append_column(name, column)
    write(tmp_path / "in.parquet", table)
    assert predict("notes", "in.parquet", "out.parquet", "--keep", ",".join(["id", "bytes", *kept])) == DONE
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names == ["id", "bytes", *kept, "prediction", "error"]
    for name, column in {**kept, "bytes": BYTES}.items():
        expected = column.dictionary_decode() if name == "level" else column
        assert found[name].combine_chunks().equals(expected), name
    sparing = table.drop_columns(["bytes"])
    write(tmp_path / "in.parquet", sparing)
    assert predict("notes", "in.parquet", "out.csv", "--keep", ",".join(["id", *kept])) == DONE
    options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(kept, pa.string()))
    texts = pyarrow.csv.read_csv(tmp_path / "out.csv", convert_options=options)
    assert {name: texts[name].to_pylist() for name in kept} == {name: text for name, (_, text) in KEPT.items()}


def test_row_groups_do_not_matter(tmp_path: Path) -> None:
    """Batches are as long as they were asked for, whatever the file is cut into; only needed columns are read."""
    table = notes(1000)
    for size in (1, 7, 300, 5000):
        whole = reader(write(tmp_path / "t.parquet", table, row_group_size=size), keep=("id",))
        sizes = []
        while (batch := whole.batch(256)) is not None:
            sizes.append(batch.size)
            assert pa.ipc.read_record_batch(pa.py_buffer(batch.typed), whole.schema).num_rows == batch.size
            assert len(batch.typed) < 256 * 8 + 1000
        assert sizes == [256, 256, 256, 232]


def test_a_table_without_rows_gives_one(predict: Predict, tmp_path: Path) -> None:
    """With the columns of the answer, as from a CSV of a header alone; in either direction."""
    write(tmp_path / "in.parquet", notes(0))
    assert predict("notes", "in.parquet", "out.parquet", "--keep", "id") == DONE
    found = pq.read_table(tmp_path / "out.parquet")
    assert (found.num_rows, found.column_names) == (0, ["id", "prediction", "error"])
    assert predict("notes", "in.parquet", "out.csv", "--keep", "id") == DONE
    assert (tmp_path / "out.csv").read_text() == "id,prediction,error\n"


def test_the_format_may_be_said_where_names_do_not_tell(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that tells is believed; a pipe is none for Parquet."""
    write(tmp_path / "in.dat", notes())
    assert predict("notes", "in.dat", "out.csv", "--keep", "id", "--format", "parquet") == DONE
    assert (tmp_path / "out.csv").read_text().startswith("id,prediction,error\n")
    assert predict("notes", "out.csv", "in.dat", "--format", "parquet") == FAILED  # columns
    assert predict("notes", "in.dat", "-", "--keep", "id", "--format", "parquet") == FAILED
    assert "Parquet does not go through a pipe" in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe.parquet")
    pipe = os.open(tmp_path / "pipe.parquet", os.O_RDWR)
    assert predict("notes", "pipe.parquet", "out.csv") == FAILED
    os.close(pipe)
    assert "is a pipe; Parquet is read from a file alone" in capsys.readouterr().err


def encrypted(table: pa.Table, *, plaintext_footer: bool) -> bytes:
    """A file whose key is nowhere."""

    class Kms(pe.KmsClient):
        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            return base64.b64encode(key_bytes)

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            return base64.b64decode(wrapped_key)

    class Client(Kms):
        def __init__(self, config: Any) -> None:
            super().__init__()

    configuration = pe.EncryptionConfiguration(
        footer_key="k", column_keys={"k": ["area"]}, plaintext_footer=plaintext_footer
    )
    properties = pe.CryptoFactory(Client).file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    written = io.BytesIO()
    with pq.ParquetWriter(written, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    return written.getvalue()


def in_bytes(table: pa.Table, **options: Any) -> bytes:
    """A file of a table."""
    written = io.BytesIO()
    pq.write_table(table, written, **options)
    return written.getvalue()


FEATURES = notes(20).drop_columns(["id"])
TWICE = pa.Table.from_arrays([*FEATURES.columns, FEATURES["area"]], ["area", "rooms", "distance", " area"])


@pytest.mark.parametrize(
    ("data", "keep", "sentence"),
    [
        (b"", "", "is no Parquet file"),
        (b"area,rooms,distance\n1,2,3\n", "", "is no Parquet file"),
        (in_bytes(FEATURES)[:-9], "", "is no Parquet file, or a damaged one"),
        (in_bytes(FEATURES)[:200] + in_bytes(FEATURES)[300:], "", "is no Parquet file, or a damaged one"),
        (encrypted(FEATURES, plaintext_footer=False), "", "is encrypted; decrypt it first"),
        (encrypted(FEATURES, plaintext_footer=True), "", "is encrypted; decrypt it first"),
        (in_bytes(FEATURES.drop_columns(["rooms"])), "", "The header lacks the feature 'rooms'"),
        (in_bytes(FEATURES.rename_columns(["area", "roms", "distance"])), "", "did you mean 'rooms'?"),
        (in_bytes(TWICE), "", "The header names 'area' twice"),
        (in_bytes(FEATURES.append_column("tags", [[[1]] * 20])), "tags", "keep names 'tags', which is nested"),
        (in_bytes(FEATURES.append_column("raw", [[b"x"] * 20])), "raw", "whose Parquet type binary is no text"),
        (in_bytes(FEATURES.append_column("error", [["x"] * 20])), "error", "which is a column of the answer"),
        (in_bytes(FEATURES), "nope", "keep names 'nope', which the header does not have"),
        (
            in_bytes(FEATURES.set_column(1, "rooms", [[[1]] * 20])), "",
            "The column 'rooms' holds Parquet's list<element: int64>; this model takes numbers there",
        ),
        (
            in_bytes(FEATURES.set_column(1, "rooms", [[datetime.date(2026, 11, 21)] * 20])), "",
            "The column 'rooms' holds Parquet's date32[day]; this model takes numbers there",
        ),
        (in_bytes(FEATURES.set_column(1, "rooms", [[True] * 20])), "", "holds Parquet's bool"),
        (in_bytes(FEATURES.set_column(1, "rooms", [[b"1"] * 20])), "", "holds Parquet's binary"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_said(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, keep: str, sentence: str
) -> None:
    """In one sentence that names the file, and without an output."""
    (tmp_path / "in.parquet").write_bytes(data)
    assert predict("notes", "in.parquet", "out.csv", *(("--keep", keep) if keep else ())) == FAILED
    said = capsys.readouterr().err
    assert sentence in said
    assert "in.parquet" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("in.parquet.gz", "out.csv", "Parquet is compressed inside"),
        ("in.parquet", "out.ndjson", "parquet in, ndjson out"),
        ("in.ndjson", "out.pq", "ndjson in, parquet out"),
        ("in.parquet", "none/out.pq", "can't be written"),
        (".", "out.pq", "the name must end in"),
    ],
)
def test_pairs_that_do_not_go_together(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, sentence: str
) -> None:
    """One sentence each."""
    write(tmp_path / "in.parquet", FEATURES)
    assert predict("notes", source, target) == FAILED
    assert sentence in capsys.readouterr().err


def mutated_table() -> pa.Table:
    """Each type of feature and of kept column, in several pages and row groups."""
    table = mixed_table()
    return pa.concat_tables([table.append_column("raw", [[b"\xff", b"", None, b"x", b"y"]])] * 8)


MUTATED = [
    in_bytes(
        mutated_table().unify_dictionaries(), row_group_size=16, compression=compression, data_page_version=version,
        use_dictionary=use_dictionary, write_page_checksum=True,
    )
    for compression, version, use_dictionary in (("none", "1.0", True), ("snappy", "2.0", False), ("zstd", "1.0", True))
]  # fmt: skip


def read_whole(data: bytes, path: Path, of: Signature) -> Batch:
    """All rows of a file."""
    path.write_bytes(data)
    return everything(reader(path, of, ("id", "raw"), as_text=False))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, len(MUTATED) - 1), is_cut=st.booleans(), from_end=st.booleans(), place=st.integers(1, 6000),
    flip=st.integers(1, 255),
)  # fmt: skip
def test_damage_is_told_and_never_a_traceback(
    own: Registry, tmp_path: Path, which: int, is_cut: bool, from_end: bool, place: int, flip: int
) -> None:
    """A cut or another byte anywhere: a sentence, or every row; what no checksum covers may then say something else."""
    whole = MUTATED[which]
    of = own.entry("mixed", 1).signature
    place = place % len(whole)
    place = len(whole) - 1 - place if from_end else place
    data = whole[:place] if is_cut else whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
    with contextlib.suppress(MulgamError):
        assert read_whole(data, tmp_path / "m.parquet", of).size == mutated_table().num_rows
        assert not is_cut


def test_a_page_that_is_not_its_checksums_is_refused(own: Registry, tmp_path: Path) -> None:
    """One bit of a text, which nothing else would tell."""
    of = own.entry("mixed", 1).signature
    whole = in_bytes(mutated_table(), compression="none", write_page_checksum=True)
    read_whole(whole, tmp_path / "m.parquet", of)
    with pytest.raises(MulgamError, match=r"m\.parquet is no Parquet file, or a damaged one: .*CRC"):
        read_whole(whole.replace(b"rather nice", b"rather mice", 1), tmp_path / "m.parquet", of)


def test_a_file_that_says_more_rows_than_it_has(tmp_path: Path) -> None:
    """Rows that are lost are no end of the table."""
    path = write(tmp_path / "t.parquet", FEATURES)
    whole = reader(path)
    whole.total = 21
    with pytest.raises(MulgamError, match=r"t\.parquet is damaged: it holds 20 rows, and says that it has 21"):
        everything(whole)


def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small table has many, for all processes."""
    monkeypatch.setattr(offline, "BATCH_ROWS", 100)
    monkeypatch.setattr(offline, "_ALONE_BATCHES", 2)
    monkeypatch.setattr(packing, "GROUP_ROWS", 1000)


def test_all_cores_give_the_same_file(predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By other processes, in the order of the rows; in row groups of a size that can be held."""
    small_batches(monkeypatch)
    table = notes().set_column(2, "rooms", [[str(n % 5) if n % 500 else "x" for n in range(ROWS)]])
    write(tmp_path / "in.parquet", table)
    for workers in ("1", "2"):
        assert predict("notes", "in.parquet", f"{workers}.pq", "--workers", workers, "--keep", "id") == ROWS_IN_ERROR
    assert (tmp_path / "2.pq").read_bytes() == (tmp_path / "1.pq").read_bytes()
    found = pq.ParquetFile(tmp_path / "2.pq")
    groups = [found.metadata.row_group(group).num_rows for group in range(found.num_row_groups)]
    assert groups == [1000, 1000, 1000]
    assert found.read()["id"].to_pylist() == list(range(ROWS))
    assert found.read()["error"].null_count == ROWS - 6


def test_a_row_group_ends_where_its_bytes_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few long texts are held no longer than many short ones."""
    monkeypatch.setattr(packing, "GROUP_BYTES", 1000)
    writer = ParquetWriter(NOTES, ["id"])
    batch = Batch(2, [[1, 2, 3]] * 2, [0, 1], {}, [["x" * 600], ["y"]])
    parts = [writer.head(), *[writer.rows(batch, np.zeros(2, np.float32))] * 4]
    (tmp_path / "stream").write_bytes(b"".join(parts))
    told: list[int] = []
    packing.pack(tmp_path / "stream", tmp_path / "t.parquet", told.append)
    assert pq.ParquetFile(tmp_path / "t.parquet").num_row_groups == len(told) == 2
    assert told == [4, 8]


def test_packing_is_told_as_the_rest_is(
    own: Registry, predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How many rows are packed is said as often as how many are answered, and not where a person wants quiet."""
    small_batches(monkeypatch)
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    write(tmp_path / "in.parquet", notes())
    words = ["notes", str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), "--keep", "id", "--workers", "1"]
    assert main([*words, "--registry", str(own.root)]) == DONE
    assert "packing: 2,000 of 3,000 rows, 67%\n" in capsys.readouterr().err
    assert predict("notes", "in.parquet", "out.parquet", "--keep", "id", "--workers", "1") == DONE
    assert capsys.readouterr().err == ""


def test_an_interrupted_run_goes_on_where_it_was(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same file as in one go; until then there is none, and what was written is an Arrow stream."""
    small_batches(monkeypatch)
    write(tmp_path / "in.parquet", notes())
    alone = ("--keep", "id", "--workers", "1")
    assert predict("notes", "in.parquet", "whole.parquet", *alone) == DONE
    with monkeypatch.context() as patch:
        fail_after(patch, 1000)
        assert predict("notes", "in.parquet", "out.parquet", *alone) == INTERRUPTED
    assert "go on with --resume" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()
    partial = tmp_path / "out.parquet.partial"
    with pa.ipc.open_stream(partial.read_bytes()) as stream:
        assert stream.read_all().num_rows == 1000
    with partial.open("ab") as file:
        file.write(b"half a message")
    assert predict("notes", "in.parquet", "out.parquet", *alone, "--resume") == DONE
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if "parti" in path.name or "pack" in path.name) == []


@pytest.mark.parametrize(("stop", "status"), [(KeyboardInterrupt(), INTERRUPTED), (OSError(28, "No space"), FAILED)])
def test_a_run_that_is_stopped_while_it_packs_can_be_resumed(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, status: int
) -> None:
    """By Ctrl-C, or by a full disk; no row is computed again, and no half file is left."""
    write(tmp_path / "in.parquet", notes())

    def stopped(stream: Path, target: Path, told: object) -> None:
        target.write_bytes(b"PAR1")
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(packing, "pack", stopped)
        assert predict("notes", "in.parquet", "out.parquet", "--keep", "id") == status
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == [
        "out.parquet.partial", "out.parquet.partial.json",
    ]  # fmt: skip
    written: list[int] = []
    monkeypatch.setattr(PartialFile, "write", lambda self, data, rows, errors: written.append(rows))
    assert predict("notes", "in.parquet", "out.parquet", "--keep", "id", "--resume") == DONE
    assert written == []
    assert pq.read_table(tmp_path / "out.parquet").num_rows == ROWS


def test_the_answers_of_a_classifier(tmp_path: Path) -> None:
    """A label and its probability, null in a row in error, which says why; the messages make a stream."""
    of = signature(Feature("a", "number"))
    target = type(of.target)("t", classes=('say "a"', "b,c"))
    classifier = Signature("m", "classification", of.features, target, of.inputs, of.outputs, {})
    writer = ParquetWriter(classifier, [])
    batch = Batch(3, [[1], [2]], [0, 2], {1: ApiError(400, "RAGGED", "No.")}, [[], [], []])
    rows = writer.rows(batch, np.array([[0.9, 0.1], [0.25, 0.75]], np.float32))
    nothing = writer.rows(Batch(1, [], [], {0: ApiError(400, "RAGGED", "No.")}, [[]]), np.empty(0, np.float32))
    with pa.ipc.open_stream(writer.head() + rows + nothing) as stream:
        table = stream.read_all()
    assert table.schema.types == [pa.string(), pa.float32(), pa.string()]
    assert table.to_pylist()[1:] == [
        {"label": None, "probability": None, "error": "RAGGED: No."},
        {"label": "b,c", "probability": 0.75, "error": None},
        {"label": None, "probability": None, "error": "RAGGED: No."},
    ]
    assert (table["label"][0].as_py(), table["probability"][0].as_py()) == ('say "a"', float(np.float32(0.9)))


def test_how_far_it_is_goes_by_rows(tmp_path: Path) -> None:
    """Of the file's metadata."""
    path = write(tmp_path / "t.parquet", notes())
    with path.open("rb") as file:
        source = formats.source_of("parquet", file, str(path), NOTES, ["id"], "csv")
    assert (source.size, source.position()) == (ROWS, 0)
    source.reader.batch(1000)
    assert source.position() == 1000
    assert source.kept is None


def test_without_pyarrow_one_sentence_says_so(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In either direction."""
    write(tmp_path / "in.parquet", FEATURES)
    pyarrow.csv.write_csv(FEATURES, tmp_path / "in.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for source, target in (("in.parquet", "out.csv"), ("in.csv", "out.parquet")):
        assert predict("notes", source, target) == FAILED
        assert "Parquet needs pyarrow: pip install pyarrow" in capsys.readouterr().err


def test_csv_does_not_load_pyarrow(own: Registry, tmp_path: Path) -> None:
    """Nor does its command wait for it."""
    (tmp_path / "in.csv").write_text("area,rooms,distance\n1,2,3\n")
    words = ["notes", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), "--registry", str(own.root), "--quiet"]
    code = f"import sys\nfrom service.bulk.__main__ import main\nmain({words!r})\nprint('pyarrow' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
