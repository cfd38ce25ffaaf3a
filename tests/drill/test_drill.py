"""The drill in its short form, and its own honesty: a broken promise is an exit status of 1."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drill import __main__ as command
from tests.drill import backends, registry, steady
from tests.drill.results import Result, exit_status, skipped


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """A hundred random flips and truncations of a version's files."""
    (result,) = registry.flips_and_truncations(tmp_path, 100)
    assert result.kept, result


@pytest.mark.live
def test_a_faulty_backend_never_gives_a_wrong_answer(tmp_path: Path) -> None:
    """What is no V2, and what has another shape: 502, not ready, healed afterwards."""
    results = list(backends.faulty_backend(tmp_path, ("HTTP, but no V2", "wrong shape")))
    assert len(results) == 2
    for result in results:
        assert "; 0 wrong 200;" in result.measured, result


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
