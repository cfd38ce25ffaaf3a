"""The drill in its short form, and its own honesty: a broken promise is an exit status of 1."""

from __future__ import annotations

import pickle
import re
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests import builders
from tests.drill import __main__ as command
from tests.drill import backends, damage, machine, overload, registry, steady
from tests.drill.results import Result, exit_status, skipped

# The promises' times are those of a quiet machine; here they are to be kept on any.
SLACK = 10.0


def assert_kept(results: Iterable[Result], count: int = 1) -> None:
    """So many, and each of them."""
    found = list(results)
    assert len(found) == count
    for result in found:
        if result.kept is None:
            pytest.skip(result.measured)
        assert result.kept, result


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """A hundred random flips and truncations of a version's files."""
    assert_kept(damage.flips_and_truncations(tmp_path, 100))


@pytest.mark.live
@pytest.mark.beside
def test_a_service_refuses_damaged_versions(tmp_path: Path) -> None:
    """A version with such damage, promoted: the old one answers every request."""
    assert_kept(damage.damaged_while_serving(tmp_path, 3))


@pytest.mark.live
@pytest.mark.beside
@pytest.mark.parametrize(
    ("backend", "count"), [("onnxruntime", 1), pytest.param("torchserve", 2, marks=pytest.mark.slow)]
)
def test_planted_payloads_do_not_run(tmp_path: Path, backend: str, count: int) -> None:
    """Pickles and another file's weights, under checksums that are right: refused, and nothing of them ran."""
    assert_kept(damage.planted_payloads(tmp_path, (backend,)), count)


@pytest.mark.parametrize("payload", [one for one in damage.PAYLOADS if one.backend == "torchserve"])
def test_a_planted_pickle_would_leave_its_mark(tmp_path: Path, payload: damage.Payload) -> None:
    """Whoever unpickles what the drill plants runs it: else that nothing ran would say nothing."""
    file, marker = builders.publish_linear(tmp_path).path / payload.file, tmp_path / "it-ran"
    payload.plant(file, marker)
    planted = file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as members:
            (name,) = (one for one in members.namelist() if one.endswith("/data.pkl"))
            planted = members.read(name)
    assert not marker.exists()
    pickle.loads(planted)
    assert marker.exists()


@pytest.mark.live
def test_a_faulty_backend_never_gives_a_wrong_answer(tmp_path: Path) -> None:
    """What is no V2, and what has another shape: 502, not ready, healed afterwards."""
    assert_kept(backends.faulty_backend(tmp_path, ("HTTP, but no V2", "wrong shape"), SLACK), 2)


@pytest.mark.live
def test_a_full_queue_refuses(tmp_path: Path) -> None:
    """503 with Retry-After, nothing else, and nobody waits beyond the deadline."""
    assert_kept(overload.full_queue(tmp_path, 200, SLACK))


@pytest.mark.live
def test_too_much_is_refused_and_the_rest_served(tmp_path: Path) -> None:
    """Three times what the backend can compute: 200 or 503 with Retry-After, ready throughout, and over afterwards."""
    assert_kept(overload.three_times_too_much(tmp_path, 2, SLACK))


@pytest.mark.live
@pytest.mark.beside
def test_a_version_that_misses_its_golden_answers_is_refused(tmp_path: Path) -> None:
    """The old one answers every request."""
    assert_kept(registry.bad_version(tmp_path, ("onnxruntime",)))


@pytest.mark.live
@pytest.mark.beside
def test_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    """No process dies, nothing but 200 and 503 comes; as before once there is room."""
    assert_kept(machine.full_disk(tmp_path, ("onnxruntime",), 100_000, SLACK))


@pytest.mark.live
@pytest.mark.beside
def test_used_up_descriptors_end_nothing(tmp_path: Path) -> None:
    """Connections that are there are served on; as before once there are some again."""
    assert_kept(machine.no_descriptors(tmp_path, SLACK))


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="there is no wrk (Debian: wrk)")
def test_steady_load_is_measured(tmp_path: Path) -> None:
    """In its short form: the figures are there; what they must be is the drill's own affair, on a quiet machine."""
    (result,) = steady.half_of_capacity(tmp_path, 2)
    assert re.search(r"[1-9][\d,]* requests, \d+ errors", result.measured), result


def test_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In the table and by the exit status; a drill that raises counts as one."""

    def kept(folder: Path) -> Iterator[Result]:
        yield Result("one", "0 fail", "0 failed", True)

    def broken(folder: Path) -> Iterator[Result]:
        yield Result("two", "0 fail", "3 failed", False)

    def raising(folder: Path) -> Iterator[Result]:
        raise OSError("no such thing")
        yield

    monkeypatch.setattr(command, "DRILLS", {"kept": kept, "broken": broken, "raising": raising})
    for only, status, line in (
        ("kept", 0, "| one | 0 fail | 0 failed | kept |"),
        ("broken", 1, "| two | 0 fail | 3 failed | **broken** |"),
        ("raising", 1, "| raising | the drill itself works | OSError: no such thing | **broken** |"),
    ):
        monkeypatch.setattr(sys, "argv", ["drill", "--only", only])
        assert command.main() == status
        assert line in capsys.readouterr().out


def test_what_can_not_be_tried_here_is_no_failure() -> None:
    """It says so, with the reason."""
    result = skipped("disk full", "no crash", "a small disk can't be mounted")
    assert exit_status([result]) == 0
    assert result.line() == "| disk full | no crash | a small disk can't be mounted | skipped |"
