"""The benchmark of training: what it divides, scores and writes, and that a short run of it goes through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model.data.table import Table, Text
from tests.bench.errors import BenchError
from tests.bench.training import command, contestants, datasets, nativelikeness, report, shared
from tests.bench.training.results import Result, Results
from tests.processes import ROOT

needs_data = pytest.mark.skipif(not shared.FOLDER.exists(), reason="../shared/data is not there")


def result(table: str, contestant: str, seed: int = 0, **scores: float) -> Result:
    """One that a page can show."""
    return Result(table, contestant, seed, scores, 12.0, 14.0, 0.5, "2026-11-21 15:00 UTC", "abc1234", "Python 3.11.7")


def test_results_outlive_a_run_that_is_killed(tmp_path: Path) -> None:
    """Read again by the next run; half a line at the end is nothing, and the last of two of one kind counts."""
    path = tmp_path / "new" / "results.jsonl"
    results = Results(path)
    results.add(result("iris", "default", rmse=2.0))
    results.add(result("iris", "default", seed=1, rmse=3.0))
    results.add(result("iris", "default", rmse=1.0))
    with path.open("a") as file:
        file.write('{"table": "iris", "contest')
    again = Results(path)
    assert ("iris", "default", 1) in again
    assert ("iris", "default", 2) not in again
    assert again.values("iris", "default", "rmse") == [1.0, 3.0]
    assert again.values("iris", "default", "f1") == []


def test_only_what_is_named_is_measured() -> None:
    """Tables, or contestants on them, with patterns; latency has no seeds."""
    assert command.chosen("iris/default", 2) == [("iris", "default", 0), ("iris", "default", 1)]
    assert {name for _, name, _ in command.chosen("california", 1)} >= {"default", "plain", "lightgbm-tuned"}
    assert {table for table, _, _ in command.chosen("*/catboost, sms", 1)} >= {"california", "digits", "sms"}
    assert command.chosen("latency", 3) == [("latency", "onnxruntime", 0)]
    everything = command.chosen("", 1)
    assert {table for table, _, _ in everything} == {*(one.name for one in datasets.ALL), "latency"}
    with pytest.raises(BenchError, match=r"'iris/x' names nothing; there are the tables california, "):
        command.chosen("iris/x", 1)


@pytest.mark.parametrize("number", ["0", "x", "101"])
def test_seeds_are_bounded(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip must not load a machine for days."""
    with pytest.raises(SystemExit):
        command.main(["--seeds", number])
    assert "is not a whole number from 1 to 100" in capsys.readouterr().err


def test_pairs_are_never_divided() -> None:
    """A learner's sentence and its correction train together or are held out together; every row is in one part."""
    table = Table(
        ("text",), np.empty((200, 0), dtype=np.float32), "label", np.arange(200) % 2, ("learner", "native"), "",
        text=Text("text", tuple(map(str, range(200)))),
    )  # fmt: skip
    parts = nativelikeness.divide(table, 0)
    for part in (parts.train, parts.validation, parts.test):
        assert {row ^ 1 for row in part.tolist()} == set(part.tolist())
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist()) == list(range(200))
    assert len(parts.test) == 40


def test_pair_accuracy_counts_a_tie_as_half() -> None:
    """Otherwise a classifier that always says the same would be all right or all wrong."""

    def by_length(texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text) for text in texts])

    assert nativelikeness.pair_accuracy(by_length, ["aaa", "a"], ["a", "aaa"]) == 0.5
    assert nativelikeness.pair_accuracy(by_length, ["aa", "aaa"], ["aa", "a"]) == 0.75


def test_a_page_of_nothing_has_every_question(tmp_path: Path) -> None:
    """What was not measured is a dash, not a missing line."""
    page = report.render(Results(tmp_path / "none.jsonl"), "a machine", 2)
    assert "Nothing was measured yet." in page
    assert page.count("| – | – |") >= 5
    assert "| Mulgam, gru | – | – |  |" in page  # it does not enter NSMC
    for title in ("California housing", "Bars", "Other tables", "Texts", "Nativelikeness"):
        assert f"\n## {title}\n" in page


def test_a_page_tells_ratios_and_whether_a_bar_is_reached(tmp_path: Path) -> None:
    """Within a seed; the median decides; the best of a row is bold, whether more or less is better."""
    results = Results(tmp_path / "results.jsonl")
    for seed, (ours, theirs) in enumerate([(0.50, 0.40), (0.42, 0.40), (0.41, 0.40)]):
        results.add(result("california", "default", seed, rmse=ours))
        results.add(result("california", "hist-gb-tuned", seed, rmse=theirs))
        results.add(result("sms", "default", seed, f1=0.90, accuracy=0.99))
        results.add(result("sms", "logistic-regression", seed, f1=0.95, accuracy=0.99))
    results.add(result("diabetes", "default", rmse=55.0))
    results.add(result("diabetes", "lightgbm", rmse=57.0))
    results.add(result("wine", "default", accuracy=0.9))
    results.add(result("wine", "lightgbm", accuracy=1.0))
    page = report.render(results, "a machine", 2)
    assert (
        "| California, default ÷ tuned HistGradientBoosting (10 trials) | 1.050 (1.025 – 1.250) | ≤ 1.05 | yes |"
        in page
    )
    assert "| SMS spam, F1 − logistic regression's | -0.0500 (-0.0500 – -0.0500) | ≥ -0.01 | no |" in page
    assert "| NSMC, accuracy − logistic regression's | – | ≥ -0.01 | – |" in page
    (diabetes,) = (line for line in page.splitlines() if line.startswith("| diabetes |"))
    assert "**55.00**" in diabetes
    assert "**57.00**" not in diabetes
    (wine,) = (line for line in page.splitlines() if line.startswith("| wine |"))
    assert "**1.0000**" in wine


def test_every_table_has_contestants() -> None:
    """The project's default on each; boosted trees on the tables; linear models on the texts."""
    for dataset in datasets.ALL:
        names = {one.name for one in contestants.of(dataset)}
        assert "default" in names
        assert names >= ({"naive-bayes"} if dataset.name in datasets.TEXTS else {"lightgbm", "catboost"})


@needs_data
def test_learners_sentences_stand_beside_their_corrections() -> None:
    """In turns, each text once, with spaces that do not tell which is which."""
    head, *rows = nativelikeness.cells()
    assert head == ["text", "label"]
    assert [label for _, label in rows[:4]] == ["learner", "native"] * 2
    assert len({text for text, _ in rows}) == len(rows) > 2500
    assert all(text == " ".join(text.split()) for text, _ in rows)


@needs_data
def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of other data would stand on the page; an absent file says what to leave out."""
    monkeypatch.setattr(shared, "FOLDER", tmp_path)
    (tmp_path / "sms_spam.tsv").write_text("ham\thello\n")
    with pytest.raises(BenchError, match="another file than the one"):
        shared.path("sms_spam.tsv")
    with pytest.raises(BenchError, match=r"nsmc_25k.tsv is not there; leave its tables out"):
        shared.path("nsmc_25k.tsv")


def bench(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A quick run with its results below `folder`, without the libraries that only the benchmark has."""
    order = [sys.executable, "-m", "tests.bench.training", "--quick", "--seeds", "1", "--folder", str(folder), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(order, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.live
@pytest.mark.beside
def test_a_quick_run_goes_through_and_is_not_repeated(tmp_path: Path) -> None:
    """A table by the project's own road and by another's: results and a page; the second run has nothing to do."""
    process = bench(tmp_path, "--only", "iris/default,iris/ensemble,iris/hist-gb")
    _, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    assert len(Results(tmp_path / "results.jsonl").all()) == 3
    assert "| iris | accuracy | 1 |" in (tmp_path / "page.md").read_text(encoding="utf-8")
    process = bench(tmp_path, "--only", "iris/default,iris/ensemble,iris/hist-gb")
    _, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    assert "3 of 3 results are there" in said
    assert "seed 0" not in said


@needs_data
@pytest.mark.slow
@pytest.mark.live
@pytest.mark.beside
@pytest.mark.timeout(900)
def test_every_contestant_that_needs_no_further_library_runs(tmp_path: Path) -> None:
    """On few rows for one epoch: own tables, Korean and English texts, minimal pairs, latency."""
    only = "california/default,california/hist-gb*,california-raw/hist-gb,sms,nsmc,nativelikeness,latency"
    process = bench(tmp_path, "--only", only)
    _, said = process.communicate(timeout=850)
    assert process.returncode == 0, said
    assert len(Results(tmp_path / "results.jsonl").all()) == len(command.chosen(only, 1))
    assert "failed" not in said


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.beside
def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    """Exit status 130; the page is of what there is."""
    process = bench(tmp_path, "--only", "diabetes/default,wine/hist-gb,digits/hist-gb,digits/default")
    assert process.stderr is not None
    for line in process.stderr:
        if "2 of" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped; what was measured is kept" in said
    assert len(Results(tmp_path / "results.jsonl").all()) >= 1
    assert "| diabetes | RMSE (less is better) | 1 |" in (tmp_path / "page.md").read_text(encoding="utf-8")
