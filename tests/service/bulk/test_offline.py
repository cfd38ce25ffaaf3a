"""`mulgam predict`: whole files, the same answers as the service's, and nothing lost by an interruption."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mulgam import minisign, serving, trust
from mulgam.registry import Registry
from service.bulk import offline
from service.bulk.__main__ import DONE, FAILED, INTERRUPTED, ROWS_IN_ERROR, main
from service.bulk.partial import PartialFile
from tests import builders
from tests.processes import ROOT, wait_until

ROWS = [f"{row},{row % 60},{row % 5},0.{row % 9}" for row in range(3000)]
NOTES = "id,area,rooms,distance\n" + "\n".join(ROWS) + "\n"
MIXED = 'id,height,width,depth\n1,1,2,3\n2,x,1,1\n3,,,\n4,1\n"5,a",1e39,1,1\n'

Predict = Callable[..., int]


@pytest.fixture
def predict(registry: Registry, tmp_path: Path) -> Predict:
    """The command on the tests' registry; `a.csv` and the like are in the test's own folder."""

    def run(model: str, source: str, target: str, *options: str) -> int:
        names = [name if name == "-" else str(tmp_path / name) for name in (source, target)]
        return main([model, *names, "--registry", str(registry.root), "--quiet", *options])

    return run


def command(registry: Registry, *words: str) -> list[str]:
    """The same as a process."""
    return [sys.executable, "-m", "mulgam", "predict", *words, "--registry", str(registry.root)]


@pytest.mark.parametrize(("model", "table", "status"), [("notes", NOTES, DONE), ("shapes", MIXED, ROWS_IN_ERROR)])
def test_the_answers_are_the_services(
    predict: Predict, client: FlaskClient, tmp_path: Path, model: str, table: str, status: int
) -> None:
    """Byte by byte, rows in error included."""
    (tmp_path / "in.csv").write_text(table)
    assert predict(model, "in.csv", "out.csv", "--keep", "id") == status
    answer = client.post(f"/predict/{model}?keep=id", data=table, content_type="text/csv")
    assert (tmp_path / "out.csv").read_bytes() == answer.data
    assert answer.data.count(b"\n") == table.count("\n")


def test_lines_of_json_are_answered_as_by_the_service(predict: Predict, client: FlaskClient, tmp_path: Path) -> None:
    """In, out and errors."""
    lines = b'[1,2,3]\nnope\n{"width":1,"height":null,"depth":0}\n'
    (tmp_path / "in.jsonl").write_bytes(lines)
    assert predict("shapes", "in.jsonl", "out.ndjson") == ROWS_IN_ERROR
    answer = client.post("/predict/shapes", data=lines, content_type="application/x-ndjson")
    assert (tmp_path / "out.ndjson").read_bytes() == answer.data


def test_rows_outside_of_training_are_refused_where_it_is_asked_for(predict: Predict, tmp_path: Path) -> None:
    """Each in its place; the others are answered as without."""
    (tmp_path / "in.csv").write_text("area,rooms,distance\n34,3,0.4\n34,3,0.6\n35,3,\n")
    assert predict("notes", "in.csv", "out.csv") == DONE
    assert predict("notes", "in.csv", "strict.csv", "--reject-out-of-range") == ROWS_IN_ERROR
    every, strict = (tmp_path / name for name in ("out.csv", "strict.csv"))
    expected = every.read_text().splitlines()
    sentence = "distance is 0.6; training had 0.3 to 0.5 km, and numbers outside of that are refused here."
    expected[2] = f',"OUTSIDE_TRAINING: {sentence}"'
    assert strict.read_text().splitlines() == expected


def test_all_cores_give_the_same_file(predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By other processes, in the order of the rows."""
    (tmp_path / "in.csv").write_text(NOTES)
    assert predict("notes", "in.csv", "one.csv", "--workers", "1") == FAILED  # id is no feature
    assert predict("notes", "in.csv", "one.csv", "--workers", "1", "--keep", "id") == DONE
    monkeypatch.setattr(offline, "BATCH_ROWS", 100)
    monkeypatch.setattr(offline, "_ALONE_BATCHES", 2)
    assert predict("notes", "in.csv", "two.csv", "--workers", "2", "--keep", "id") == DONE
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    # A row's problem goes through another process like its answer.
    (tmp_path / "in.csv").write_text(NOTES.replace("\n2500,", "\n2500,x"))
    assert predict("notes", "in.csv", "two.csv", "--workers", "2", "--keep", "id") == ROWS_IN_ERROR
    assert (tmp_path / "two.csv").read_text().splitlines()[2501].startswith('2500,,"WRONG_TYPE: area must be a number')


def test_tabs_and_gzip(predict: Predict, tmp_path: Path) -> None:
    """TSV in, CSV out, and the other way round; a compressed input."""
    (tmp_path / "in.tsv.gz").write_bytes(gzip.compress(b"area\trooms\tdistance\tn,m\n10\t0\t0\ta\tb\n20\t0\t0\ta\n"))
    assert predict("notes", "in.tsv.gz", "out.csv", "--keep", '"n,m"') == ROWS_IN_ERROR
    expected = '"n,m",prediction,error\n,,"RAGGED: The row has 5 cells, the header 4."\na,2.0,\n'
    assert (tmp_path / "out.csv").read_text() == expected
    (tmp_path / "in.csv").write_text("area,rooms,distance\n10,,\n")
    assert predict("notes", "in.csv", "out.tsv") == DONE
    assert (tmp_path / "out.tsv").read_text().splitlines()[0] == "prediction\terror"


def test_a_pipe_in_and_a_pipe_out(registry: Registry) -> None:
    """`-` for both; standard output holds the table alone, progress goes to standard error."""
    done = subprocess.run(
        command(registry, "notes", "-", "-"), cwd=ROOT, input="area,rooms,distance\n10,0,0\n", text=True,
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "prediction,error\n1.0,\n"
    assert "1 rows" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nope", "in.csv", "out.csv"), "there are: notes, shapes"),
        (("notes", "in.csv", "out.csv", "--version", "9"), "no version 9"),
        (("notes", "none.csv", "out.csv"), "can't be read: No such file"),
        (("notes", "in.xls", "out.csv"), "--format must say"),
        (("notes", "in.csv", "out.ndjson"), "can't be turned into one another"),
        (("notes", "in.csv", "out.csv.gz"), "answers are written uncompressed"),
        (("notes", "in.csv", "no/out.csv"), "can't be written"),
        (("notes", "in.csv", "out.csv"), "The header has 'id'"),
        (("notes", "in.csv", "-", "--resume"), "--resume needs files"),
        (("notes", "cut.csv.gz", "out.csv", "--keep", "id"), "broke off"),
    ],
)
def test_what_can_not_be_done_is_said(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    """In one sentence, with exit status 1, and without an output that looks whole."""
    (tmp_path / "in.csv").write_text(NOTES)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(NOTES.encode())[:-20])
    keep = () if "--keep" in words or sentence.startswith("The header") else ("--keep", "id")
    assert predict(*words, *keep) == FAILED
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("mulgam predict: ")
    assert not (tmp_path / "out.csv").exists()


def test_the_version_is_the_one_that_is_to_be_served(own_registry: Registry, tmp_path: Path) -> None:
    """The highest; with a plan, the plan's; with `--version`, that one."""
    builders.publish_linear(own_registry.root, weights=(1.0, 1.0, 1.0))
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("area,rooms,distance\n10,0,0\n")

    def answer(*options: str) -> str:
        words = ["notes", str(source), str(target), "--registry", str(own_registry.root), "--quiet", *options]
        assert main(words) == DONE
        return target.read_text().splitlines()[1]

    assert answer() == "10.0,"
    assert answer("--version", "1") == "1.0,"
    serving.write(own_registry, serving.Plan(1, {"notes": serving.Choice(1)}))
    assert answer() == "1.0,"


def test_an_altered_version_is_not_used(own_registry: Registry, tmp_path: Path) -> None:
    """Files are verified before they are loaded, as everywhere."""
    model = own_registry.root / "notes" / "1" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"x")
    (tmp_path / "in.csv").write_text("area,rooms,distance\n1,2,3\n")
    words = ["notes", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), "--registry", str(own_registry.root)]
    assert main([*words, "--version", "1"]) == FAILED


def fail_after(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let the run be interrupted once so many rows are written."""
    write = PartialFile.write

    def failing(self: PartialFile, data: bytes, count: int, errors: int) -> None:
        if self.rows >= rows:
            raise KeyboardInterrupt
        write(self, data, count, errors)

    monkeypatch.setattr(PartialFile, "write", failing)
    monkeypatch.setattr(offline, "BATCH_ROWS", 100)


def test_an_interrupted_run_goes_on_where_it_was(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same file as in one go; what was written after the last note is cut off."""
    (tmp_path / "in.csv").write_text(NOTES)
    assert predict("notes", "in.csv", "whole.csv", "--keep", "id") == DONE
    with monkeypatch.context() as patch:
        fail_after(patch, 1000)
        assert predict("notes", "in.csv", "out.csv", "--keep", "id") == INTERRUPTED
    assert "go on with --resume" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    assert json.loads((tmp_path / "out.csv.partial.json").read_text())["rows"] == 1000
    with (tmp_path / "out.csv.partial").open("ab") as file:
        file.write(b"half a ro")
    assert predict("notes", "in.csv", "out.csv", "--keep", "id", "--resume") == DONE
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []


def test_only_the_same_can_be_resumed(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another input or other columns would give a file of two halves; without --resume it starts again."""
    (tmp_path / "in.csv").write_text(NOTES)
    with monkeypatch.context() as patch:
        fail_after(patch, 500)
        assert predict("notes", "in.csv", "out.csv", "--keep", "id") == INTERRUPTED
    assert predict("notes", "in.csv", "out.csv", "--keep", "id,area", "--resume") == FAILED
    assert "made of another keep" in capsys.readouterr().err
    os.utime(tmp_path / "in.csv", (1, 1))
    assert predict("notes", "in.csv", "out.csv", "--keep", "id", "--resume") == FAILED
    assert "made of another input" in capsys.readouterr().err
    assert predict("notes", "in.csv", "out.csv", "--keep", "id") == DONE
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3001


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_what_can_be_resumed(registry: Registry, tmp_path: Path, number: int) -> None:
    """Ctrl-C while the input still comes: exit status 130, a sentence, the rows so far; then the rest."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    os.mkfifo(source)
    process = subprocess.Popen(
        command(registry, "notes", str(source), str(target)), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    with source.open("wb", buffering=0) as pipe:
        pipe.write(b"area,rooms,distance\n" + b"10,0,0\n" * 9000)
        partial = target.with_name("out.csv.partial")
        wait_until(partial.exists, 30, "it has begun")
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    assert "go on with --resume" in said
    assert "Traceback" not in said
    assert partial.exists()
    assert not target.exists()


def test_what_nobody_trusted_has_signed_scores_nothing(
    registry: Registry, predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Where the environment asks for a signature: status 1 and why, no output; without its keys as well."""
    (tmp_path / "in.csv").write_text(NOTES)
    for keys, said in ((minisign.generate().public.text(), "is not signed"), ("", "holds no public key")):
        (tmp_path / "release.pub").write_text(keys)
        monkeypatch.setenv(trust.VARIABLE, str(tmp_path / "release.pub"))
        assert predict("notes", "in.csv", "out.csv") == FAILED
        assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))
