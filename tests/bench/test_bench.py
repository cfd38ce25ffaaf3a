"""The benchmark's own arithmetic and manners; no throughput and no ratio is ever asserted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests import groups
from tests.bench import answers, command, contestants, cores, libraries, load, report, rounds
from tests.bench.cells import BULK_BINARY, BULK_JSON, BULK_ROWS, CELLS, HEAVY, ROW, Cell, Form, Sample, Start
from tests.bench.conditions import Conditions, warning
from tests.bench.contestants.base import Contestant, NotServed, Place, Running
from tests.bench.cores import Cores
from tests.bench.errors import BenchError
from tests.bench.load import Request
from tests.bench.model import Published, Rows, as_json, draw, publish
from tests.bench.questions import QUESTIONS
from tests.bench.rounds import Results
from tests.bench.statistic import Spread, ratio, spread
from tests.bench.tree import ROOT, Tree
from tests.processes import free_port, wait_until

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, the load generator, is not installed")

PRINTED = """Running 2s test @ http://127.0.0.1:8000
  1 threads and 64 connections
Requests/sec:  31000.12
FIGURES requests=62010 microseconds=2000321 status=10 connect=1 read=2 write=3 timeout=4 p50=1234 p99=20500
"""


def test_the_figures_of_wrk_are_read() -> None:
    """Rates of good answers only; what got no answer counts as failed; microseconds become milliseconds."""
    figures = load.parse(PRINTED, generator_cpu=0.5)
    assert figures.requests == 62020
    assert figures.failed == 20
    assert figures.rate == pytest.approx(62000 / 2.000321)
    assert (figures.p50, figures.p99, figures.generator_cpu) == (1.234, 20.5, 0.5)


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("unable to connect to 127.0.0.1:1 Connection refused\n", "gave no figures: unable to connect"),
        ("", "it printed nothing"),
        (PRINTED.replace("=2000321", "=0"), "no time at all"),
    ],
)
def test_a_failing_wrk_is_a_sentence(printed: str, sentence: str) -> None:
    """With what it said."""
    with pytest.raises(BenchError, match=sentence):
        load.parse(printed)


def test_a_missing_wrk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """How to install it, before anything is started; exit status 1."""
    monkeypatch.setattr(load.shutil, "which", lambda name: None)
    assert command.main(["--rounds", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install wrk" in line


def test_requests_are_written_for_the_script() -> None:
    """Bodies by their length, so that they may hold any byte."""
    request = Request("/p", {"A": "b", "C": "d"}, [b"x\ny", b""])
    assert load.serialised(request) == b"POST\n/p\n2\nA: b\nC: d\n2\n3\nx\ny0\n"


def test_medians_and_spreads() -> None:
    """The median of an even number of rounds is between the two in the middle."""
    assert spread([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert spread([1.0, 2.0]).median == 1.5


def test_a_ratio_is_of_medians_and_its_spread_of_rounds() -> None:
    """A disturbance that meets both in one round cancels in that round."""
    assert ratio([10.0, 20.0, 60.0], [5.0, 10.0, 10.0]) == Spread(2.0, 2.0, 6.0)


def conditions(**changed: object) -> Conditions:
    """A quiet machine."""
    values: dict[str, object] = {
        "date": "2026-11-21 10:00 UTC", "machine": "a processor", "cores": 2, "pinned": True, "load_before": 0.1,
        "versions": "Python 3.11.7", "commit": "abc1234", "command": "make bench", "code": "0a",
    }  # fmt: skip
    return Conditions(**{**values, **changed})  # type: ignore[arg-type]


def sample(rate: float, p50: float = 1.0, failed: int = 0, generator: float = 0.2) -> Sample:
    """A measurement on a quiet machine."""
    return Sample(rate, failed, p50, 2 * p50, 100.0, generator, 0.01)


def recorded() -> Results:
    """Two rounds of some contestants, as a run leaves them."""
    results = Results(load_averages=[1.0, 1.5])
    results.samples = {
        ("mulgam-embedded", ROW[64]): [sample(18000.0), sample(22000.0)],
        ("mulgam-embedded", ROW[1]): [sample(9000.0, 0.1), sample(9000.0, 0.1)],
        ("bare", ROW[64]): [sample(40000.0, generator=0.97), sample(40000.0)],
        ("bare", ROW[1]): [sample(16000.0, 0.05), sample(16000.0, 0.05)],
        ("mulgam-embedded", BULK_JSON[8]): [sample(1000.0, failed=3)],
        ("fastapi", BULK_JSON[8]): [sample(400.0)],
    }
    results.starts = {("mulgam-embedded", "mlp"): [Start(0.5, 100.0, 110.0, "PSS"), Start(0.7, 102.0, 112.0, "PSS")]}
    return results


def test_the_page_shows_what_was_recorded() -> None:
    """Medians with their spread, ratios with aim and verdict, rows/s for the bulk, memory and start."""
    page = report.render(conditions(), recorded(), contestants.ALL, 2, 3)
    assert "| Mulgam embedded | 9,000 (9,000 – 9,000) | – | 20,000 (18,000 – 22,000) |" in page
    assert "| Mulgam embedded ÷ bare granian: requests/s, c=64 | 0.50 (0.45 – 0.55) | ≥ 0.45 | yes | 1.00 |" in page
    assert "| the same: p50, c=1 | 2.00 (2.00 – 2.00) | ≤ 3 | yes | – |" in page
    assert "rows/s, 256 rows a request, JSON, c=8 | 2.50 (2.50 – 2.50) | ≥ 2 | yes |" in page
    assert f"| Mulgam embedded | – | {1000 * BULK_ROWS:,} | – |" in page
    assert "| Mulgam embedded | 101 (100 – 102) | 111 (110 – 112) | 0.60 (0.50 – 0.70) |" in page
    assert "Failed requests in all measurements: 3." in page
    assert "so it may be the limit, in: `bare` (mlp, 1 row json, c=64)." in page
    assert "make bench" in page
    assert "## On a GPU\n\nNot " in page
    assert "not quiet" not in page


def test_a_missed_aim_is_said() -> None:
    """In both directions: too slow a rate, too long a latency."""
    results = recorded()
    results.samples["mulgam-embedded", ROW[64]] = [sample(4000.0)]
    results.samples["mulgam-embedded", ROW[1]] = [sample(4000.0, 0.5)]
    page = report.render(conditions(), results, contestants.ALL, 2, 3)
    assert "c=64 | 0.10 (0.10 – 0.10) | ≥ 0.45 | no |" in page
    assert "p50, c=1 | 10.0 (10.0 – 10.0) | ≤ 3 | no |" in page


def test_who_is_out_is_in_no_table() -> None:
    """Only among the contestants, with why."""
    results = recorded()
    results.out["bare"] = f"answers 1 where ONNX Runtime\nanswers 2 in {ROOT}/x"
    page = report.render(conditions(), results, contestants.ALL, 2, 3)
    assert "- `bare` is **out**: answers 1 where ONNX Runtime answers 2 in ./x" in page
    assert "| bare granian, fixed answer |" not in page
    assert "÷ bare granian" not in page


def test_every_question_is_about_cells_that_are_measured() -> None:
    """A ratio of something that nobody measures would silently be missing."""
    known = {one.name: one for one in contestants.ALL}
    for question in QUESTIONS:
        names, cell = question.below
        for name, one in (question.above, *((name, cell) for name in names)):
            assert one in CELLS[one.model]
            assert known[name].takes(one)
    assert not known["fastapi"].takes(BULK_BINARY[8])
    assert not known["bare"].takes(HEAVY[1])


def test_each_server_is_asked_for_everything_at_each_concurrency() -> None:
    """One row, and many rows in every form that it has; nothing is asked for that it has not."""
    known = {one.name: one for one in contestants.ALL}
    for name in ("mulgam-torchserve", "torchserve-1", "torchserve-64", "mulgam-embedded", "fastapi", "flask"):
        taken = {cell for cell in CELLS["mlp"] if known[name].takes(cell)}
        forms = known[name].forms
        assert taken == {Cell("mlp", 1, "json", c) for c in (1, 8, 64)} | {
            Cell("mlp", BULK_ROWS, form, c) for form in forms for c in (1, 8, 64)
        }
        assert {cell.connections for cell in CELLS["heavy"] if known[name].takes(cell)} == {1, 8, 64}


def test_who_has_no_binary_form_is_told_so() -> None:
    """In its row; a dash would look like a measurement that failed. A table of nothing is not shown."""
    results = recorded()
    results.samples["mulgam-embedded", BULK_BINARY[64]] = [sample(1000.0)]
    page = report.render(conditions(), results, contestants.ALL, 2, 3)
    assert "| FastAPI + uvicorn + ONNX Runtime | no binary form |" in page
    assert "## A heavy model, one row a request\n\nNot part of this run." in page


def test_the_best_of_several_is_compared_with() -> None:
    """In each cell by itself, by name: the batch that is best for few is not the best for many."""
    results = recorded()
    for c, of_32, of_64 in ((1, 500.0, 400.0), (64, 10_000.0, 12_000.0)):
        results.samples["mulgam-torchserve", ROW[c]] = [sample(12_000.0)]
        results.samples["torchserve-32", ROW[c]] = [sample(of_32)]
        results.samples["torchserve-64", ROW[c]] = [sample(of_64)]
    page = report.render(conditions(), results, contestants.ALL, 2, 3)
    assert "at its best batch: requests/s, c=64 (`torchserve-64`) | 1.00 (1.00 – 1.00) | ≥ 1 | yes |" in page
    assert "| the same, c=1 (`torchserve-32`) | 24.0 (24.0 – 24.0) | ≥ 2 | yes |" in page
    results.out["torchserve-64"] = "it did not start"
    assert "c=64 (`torchserve-32`) | 1.20" in report.render(conditions(), results, contestants.ALL, 2, 3)


def test_the_command_of_the_page_writes_the_page() -> None:
    """Where a file was asked for, which `make` has no word for, in a form that names no folder of this machine."""
    given = command._arguments(["--rounds", "2", "--models", "mlp"])
    assert command._command(given) == "make bench ROUNDS=2 SECONDS=2 MODELS=mlp"
    given = command._arguments(["--models", "mlp", "--report", str(ROOT / "docs" / "benchmarks.md")])
    assert (
        command._command(given) == "python -m tests.bench --rounds 5 --seconds 2 --models mlp "
        "--report docs/benchmarks.md"
    )
    given = command._arguments(["--report", "/somewhere/else.md"])
    assert command._command(given).endswith(" --report else.md")


@pytest.mark.parametrize(
    ("changed", "averages", "others", "cause"),
    [
        ({"load_before": 1.7}, [1.0], [0.0], "load average was 1.7 before"),
        ({}, [1.0, 6.2], [0.0], "rose to 6.2 on 2 cores"),
        ({}, [1.0], [0.0, 0.8], "took up to 0.80 cores"),
        ({"pinned": False}, [1.0], [0.0], "shared their cores"),
    ],
)
def test_a_machine_that_is_not_quiet_is_said(
    changed: Mapping[str, object], averages: list[float], others: list[float], cause: str
) -> None:
    """With the cause, on the page."""
    assert cause in warning(conditions(**changed), averages, others)
    assert warning(conditions(), [1.0], [0.02]) == ""


def test_code_that_changed_during_the_run_is_said() -> None:
    """Its rounds would be of different things."""
    assert "files changed during the run" in warning(conditions(), [1.0], [0.0], "0b")
    assert warning(conditions(), [1.0], [0.0], "0a") == ""


class Scripted(Contestant):
    """Answers what a test wants, without any process."""

    name = "scripted"
    title = "Scripted"
    about = "a test's"

    def __init__(self, wrong_by: float = 0.0, lacks: tuple[Form, ...] = ()) -> None:
        self.wrong_by = wrong_by
        self.lacks = lacks
        self.measured: list[Cell] = []
        self.running_now = 0
        self.start_seconds = 0.1

    def takes(self, cell: Cell) -> bool:
        return True

    @contextlib.contextmanager
    def running(self, place: Place) -> Iterator[Running]:
        self.place = place
        self.running_now += 1
        yield self
        self.running_now -= 1

    def answer(self, rows: Rows, form: Form) -> Rows:
        if form in self.lacks:
            raise NotServed("/v2 is not there (404)")
        return self.place.model.expected(rows) + np.float32(self.wrong_by)

    def measure(self, cell: Cell, seconds: int) -> Sample:
        self.measured.append(cell)
        return sample(100.0)

    def memory(self) -> tuple[float, str]:
        return 50.0, "PSS"


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The small model, published."""
    return publish("mlp", tmp_path_factory.mktemp("bench"))


def ran(contestant: Contestant, mlp: Published, folder: Path, count: int = 1) -> tuple[Results, list[str]]:
    """A run with its progress lines."""
    lines: list[str] = []
    options = rounds.Run(count, 1, Cores(None, None), folder, lines.append)
    return rounds.run([contestant], [mlp], options), lines


def test_the_model_is_the_same_every_time(mlp: Published, tmp_path: Path) -> None:
    """Fixed seeds: figures of two runs are of the same numbers; rows in JSON are those in binary."""
    rows = draw(3)
    again = publish("mlp", tmp_path)
    assert np.array_equal(mlp.expected(rows), again.expected(rows))
    assert np.array_equal(np.array(as_json(rows), dtype=np.float32), rows)


def test_every_cell_is_measured_in_every_round(mlp: Published, tmp_path: Path) -> None:
    """After a warm-up that does not count, with memory and start."""
    contestant = Scripted()
    results, _ = ran(contestant, mlp, tmp_path, count=2)
    assert {cell: len(results.of("scripted", cell)) for cell in CELLS["mlp"]} == dict.fromkeys(CELLS["mlp"], 2)
    assert len(contestant.measured) > 2 * len(CELLS["mlp"])
    assert results.starts["scripted", "mlp"] == [Start(0.1, 50.0, 50.0, "PSS")] * 2


@pytest.mark.parametrize("wrong_by", [0.01, float("nan")])
def test_wrong_answers_throw_a_contestant_out(mlp: Published, tmp_path: Path, wrong_by: float) -> None:
    """Before anything is timed, with both numbers; it is not asked again."""
    contestant = Scripted(wrong_by)
    results, lines = ran(contestant, mlp, tmp_path, count=2)
    assert "where ONNX Runtime answers" in results.out["scripted"]
    assert contestant.measured == []
    assert sum("scripted is out" in line for line in lines) == 1


def test_a_wrong_shape_is_a_wrong_answer(mlp: Published) -> None:
    """One number for all rows would else be compared with each."""
    contestant = Scripted()
    with contestant.running(Place(mlp, Path(), Cores(None, None), 1)) as running:
        contestant.answer = lambda rows, form: mlp.expected(rows)[:1]  # type: ignore[method-assign]
        with pytest.raises(BenchError, match=r"shape \[1\] instead of \[256\]"):
            answers.check(contestant, running, mlp, [BULK_JSON[8]])


def test_a_form_that_is_not_there_is_left_out(mlp: Published, tmp_path: Path) -> None:
    """With a note; the other forms are measured."""
    results, _ = ran(Scripted(lacks=("binary",)), mlp, tmp_path)
    assert results.out == {}
    assert results.absent == {"scripted": "binary: /v2 is not there (404)"}
    assert results.of("scripted", BULK_BINARY[8]) == []
    assert results.of("scripted", BULK_JSON[8]) != []


def test_contestants_are_chosen_by_name() -> None:
    """In the order of the tables; a name that is none's is named."""
    assert [one.name for one in contestants.chosen("bare, mulgam-embedded")] == ["mulgam-embedded", "bare"]
    assert contestants.chosen("") == contestants.ALL
    assert contestants.ALL[0].name == "mulgam-torchserve"
    with pytest.raises(BenchError, match="'triton' is no contestant; there are mulgam-torchserve"):
        contestants.chosen("triton")


def test_a_whole_run_takes_less_than_an_hour() -> None:
    """With its defaults, by its own reckoning, which it prints before it starts."""
    given = command._arguments([])
    told = command._announced(contestants.ALL, list(CELLS), given)
    assert "9 contestants, 5 rounds" in told
    assert command._round_seconds(contestants.ALL, list(CELLS), given) * given.rounds < 45 * 60


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--seconds", "1.5"], ["--seconds", "61"], ["--rounds", "x"]])
def test_rounds_and_seconds_are_bounded(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """wrk takes whole seconds; a slip must not load a machine for hours."""
    with pytest.raises(SystemExit):
        command.main(words)
    assert "is not a whole number from 1 to 60" in capsys.readouterr().err


def test_libraries_that_can_not_be_had_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what can be run without them; pip is called by the group's name."""
    called: list[list[str]] = []

    def pip(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        called.append(words)
        return subprocess.CompletedProcess(words, 1)

    monkeypatch.setattr(groups, "missing", lambda modules: ["fastapi"])
    monkeypatch.setattr(groups.subprocess, "run", pip)
    with pytest.raises(BenchError, match="ONLY=mulgam-torchserve"):
        libraries.SERVING.install(lambda line: None)
    assert called[0][-2:] == ["--group", "bench"]


@pytest.mark.skipif(cores.choose().server is None, reason="one core, or none can be pinned to")
def test_a_child_inherits_its_core() -> None:
    """And we get our own back."""
    core, before = cores.choose().server, os.sched_getaffinity(0)
    with cores.on(core):
        told = subprocess.run(
            [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert told.stdout.strip() == str({core})
    assert os.sched_getaffinity(0) == before


def test_a_tree_ends_whole(tmp_path: Path) -> None:
    """Children in sessions of their own, deaf to SIGTERM, too."""
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    parent = (
        "import subprocess,sys,time;"
        f"subprocess.Popen([sys.executable, '-c', {deaf!r}], start_new_session=True); time.sleep(60)"
    )
    tree = Tree([sys.executable, "-c", parent], dict(os.environ), tmp_path, None)
    try:
        wait_until(lambda: len(tree.members()) == 2, 10, "the child")
        members = tree.members()
        assert tree.memory_bytes()[0] > 0
    finally:
        tree.stop()
    assert not [one for one in members if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@needs_wrk
@pytest.mark.slow
@pytest.mark.live
@pytest.mark.beside
def test_a_short_run_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bare and embedded for one round: a page with both, and no process left."""
    page = tmp_path / "page.md"
    words = ["--rounds", "1", "--seconds", "1", "--models", "mlp", "--only", "bare,mulgam-embedded"]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench", *words, "--report", str(page)],
        cwd=ROOT, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    text = page.read_text(encoding="utf-8")
    assert "| Mulgam embedded ÷ bare granian: requests/s, c=64 |" in text
    assert "Failed requests in all measurements: 0." in text
    assert "lacks a form" not in text
    assert str(ROOT) not in text
    assert processes_below(tmp_path) == []


@needs_wrk
@pytest.mark.slow
@pytest.mark.live
@pytest.mark.beside
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_process(tmp_path: Path, number: int) -> None:
    """In the middle of a measurement; exit status 130, nothing written, the folder gone."""
    words = ["--rounds", "1", "--seconds", "30", "--models", "mlp", "--only", "mulgam-embedded"]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench", *words], cwd=ROOT, stdout=said, stderr=said, start_new_session=True
        )
    try:
        wait_until(lambda: any("wrk" in one.name() for one in processes_below(tmp_path, process.pid)), 60, "wrk")
        process.send_signal(number)
        assert process.wait(40) == 130
    finally:
        process.kill()
        process.wait(10)
    assert processes_below(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("mb-", "requests-"))] == []
    assert "stopped; nothing was written" in (tmp_path / "said").read_text()


def processes_below(folder: Path, parent: int | None = None) -> list[psutil.Process]:
    """Those that live and have this temporary folder, or are below a process."""
    if parent is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            return list(psutil.Process(parent).children(recursive=True))
        return []
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.pid != os.getpid() and str(folder) in one.environ().get("TMPDIR", ""):
                found.append(one)
    return found


def test_a_server_that_does_not_start_is_out_with_its_last_words(mlp: Published, tmp_path: Path) -> None:
    """Not waited for when its process is gone."""

    class Broken(type(contestants.chosen("bare")[0])):  # type: ignore[misc]
        def launch(self, place: Place) -> contestants.base.Launch:
            return contestants.base.Launch([sys.executable, "-c", "raise SystemExit('no such model')"], {})

    place = Place(mlp, tmp_path, Cores(None, None), free_port())
    with pytest.raises(BenchError, match=r"ended at its start .*no such model"), Broken().running(place):
        pass
