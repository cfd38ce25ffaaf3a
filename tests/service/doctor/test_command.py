"""`mulgam doctor`: what a person and a program get, also where next to nothing works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.doctor import __main__ as command
from service.doctor import printing
from service.doctor.checkup import CHECKS, checkup
from service.doctor.findings import Finding, failure, ok, warning
from service.doctor.situation import Situation
from tests.processes import ROOT

FOUND = [ok("a", "fine"), warning("b", "so so", "Look."), failure("c", "broken", "Mend it.")]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, as from a shell, with the backend that starts no Java."""
    return subprocess.run(
        [sys.executable, "-m", "mulgam", "doctor", *arguments],
        cwd=ROOT, env={**os.environ, "MULGAM_BACKEND": "onnxruntime", **environment},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_a_misspelt_setting_is_exit_status_1(tmp_path: Path) -> None:
    """With the nearest name, what to do, and no escape sequence in a pipe."""
    ended = run(MULGAM_PROT="8000", MULGAM_REGISTRY=str(tmp_path))
    assert ended.returncode == 1
    assert "did you mean MULGAM_PORT?" in ended.stdout
    assert "→ Correct or unset that variable" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""


def test_without_numpy_it_still_tells(tmp_path: Path) -> None:
    """A library that can't be imported is a finding, never a traceback; as JSON, too."""
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('numpy is broken here')\n")
    ended = run("--json", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    document = json.loads(ended.stdout)
    assert document["ok"] is False
    assert any("numpy is broken here" in one["found"] for one in document["findings"])
    assert {"check", "verdict", "found", "advice"} == set(document["findings"][0])
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_reader_who_has_enough_is_no_fault() -> None:
    """As in `mulgam doctor | head -1`."""
    ended = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m mulgam doctor | head -1"],
        cwd=ROOT, env={**os.environ, "MULGAM_BACKEND": "onnxruntime"}, capture_output=True, text=True, timeout=100,
        check=True,
    )  # fmt: skip
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""


def test_a_check_that_breaks_is_a_finding() -> None:
    """The others are made all the same."""

    def breaks(situation: Situation) -> Iterator[Finding]:
        yield ok("x", "begun")
        raise RuntimeError("no way")

    def works(situation: Situation) -> Iterator[Finding]:
        yield ok("y", "done")

    found = list(checkup(Situation(None), (("x", breaks), ("y", works))))
    assert [one.verdict for one in found] == ["ok", "failure", "ok"]
    assert "no way" in found[1].found


def test_without_settings_every_check_keeps_quiet_or_tells() -> None:
    """None of them relies on what could not be read."""
    assert all(one.found for one in checkup(Situation(None, ("broken",)), CHECKS))


def test_what_is_printed() -> None:
    """A line each, advice below, colour on a terminal alone; then how many there were."""
    plain = [printing.line(one, False) for one in FOUND]
    assert plain[0].split() == ["ok", "a", "fine"]
    assert plain[2].splitlines()[1].strip() == "→ Mend it."
    assert "\x1b[31mfailure" in printing.line(FOUND[2], True)
    assert printing.summary(FOUND) == "1 ok, 1 warning, 1 failure."
    assert printing.summary([*FOUND, FOUND[1]]) == "1 ok, 2 warnings, 1 failure."


def test_warnings_are_no_hindrance(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0, and `ok` in JSON."""
    monkeypatch.setattr(command, "checkup", lambda situation: iter(FOUND[:2]))
    assert command.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    monkeypatch.setattr(command, "checkup", lambda situation: iter(FOUND))
    assert command.main([]) == 1
