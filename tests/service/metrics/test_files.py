"""The files of processes that ended become one: nothing that was counted is lost, or ever seen twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service.metrics import files
from service.metrics.files import FILES_VARIABLE
from service.metrics.rendering import collected
from tests.processes import ROOT

WRITER = """
from service.metrics import files
files.install()
from service.metrics.recording import Metrics
metrics = Metrics()
metrics.requests.labels("notes", "1", "json", "200").inc(7)
metrics.request_seconds.labels("notes", "1", "json").observe(0.003)
metrics.predicted_value.labels("notes", "1").observe(2.5)
metrics.inflight.set(3)
"""
PROCESSES = range(101, 121)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of twenty gateways that counted the same."""
    monkeypatch.setenv(FILES_VARIABLE, str(tmp_path))
    monkeypatch.setattr(files, "_ended", set())
    subprocess.run([sys.executable, "-c", WRITER], cwd=ROOT, check=True, timeout=60)
    for path in list(tmp_path.glob("*.db")):
        kind = path.name.rpartition("_")[0]
        for pid in PROCESSES:
            shutil.copy(path, tmp_path / f"{kind}_{pid}.db")
        path.unlink()
    return tmp_path


def counted() -> dict[tuple[str, ...], float]:
    """Every sample that only grows."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in collected(CollectorRegistry())
        if family.type != "gauge"
        for sample in family.samples
    }


def test_the_counters_of_processes_that_ended_are_one_file(folder: Path) -> None:
    """With their sum: counters, buckets and summaries. The gauges go; who lives keeps its own."""
    before = counted()
    assert before["mulgam_requests_total", "1", "200", "json", "notes"] == 7 * len(PROCESSES)
    for pid in PROCESSES[1:]:
        files.forget(pid)
    assert counted() == pytest.approx(before, abs=1e-4)
    alive = PROCESSES[0]
    assert {path.name for path in folder.glob("*.db") if not path.name.startswith("gauge")} == {
        f"{kind}_{owner}.db" for kind in ("counter", "histogram", "summary") for owner in ("ended", alive)
    }
    assert {path.name.rpartition("_")[2] for path in folder.glob("gauge*")} == {f"{alive}.db"}


def test_a_scrape_meanwhile_sees_no_counter_fall(folder: Path) -> None:
    """Nor rise by more than a rounding: a figure is in one of both files, never in none or in both."""
    before = counted()
    last = dict(before)
    others: list[dict[tuple[str, ...], float]] = []
    is_over = threading.Event()

    def scrape() -> None:
        while not is_over.is_set():
            found = counted()
            if found.keys() != last.keys() or any(not 0 <= found[name] - last[name] < 1e-4 for name in last):
                others.append(found)
            last.update(found)

    scraping = threading.Thread(target=scrape)
    scraping.start()
    for pid in PROCESSES:
        files.forget(pid)
    is_over.set()
    scraping.join()
    assert others == []
    assert counted() == pytest.approx(before, abs=1e-4)


def test_what_can_not_be_moved_now_is_moved_with_the_next(folder: Path) -> None:
    """A reader that is stopped holds nobody up."""
    before = counted()
    with files.reading():
        files.forget(PROCESSES[0])
        assert (folder / f"counter_{PROCESSES[0]}.db").exists()
    files.forget(PROCESSES[1])
    assert not list(folder.glob(f"counter_{PROCESSES[0]}.db"))
    assert counted() == pytest.approx(before, abs=1e-4)
