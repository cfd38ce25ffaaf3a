"""Ctrl-C while a command is still importing: one sentence and status 130, not the line of an import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, wait_until


@pytest.mark.parametrize(
    "words",
    [["mulgam", "serve"], ["service"], ["mulgam", "train"], ["mulgam", "publish", "x"], ["mulgam", "predict", "m"],
     ["mulgam", "promote", "m"]],
    ids=" ".join,
)  # fmt: skip
def test_ctrl_c_during_the_imports_is_quiet(words: list[str], tmp_path: Path) -> None:
    """Whatever is being imported just then: numpy, here, takes long."""
    (tmp_path / "numpy").mkdir()
    reached = tmp_path / "reached"
    (tmp_path / "numpy" / "__init__.py").write_text(f"import time\nopen({str(reached)!r}, 'w')\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(reached.exists, 30, "numpy is imported")
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, printed) == (130, "")
    assert told == "\nInterrupted; nothing was begun.\n"


def test_ctrl_c_after_all_is_done_is_nothing() -> None:
    """While the interpreter tidies up: no traceback, and the exit status stays what it was."""
    program = (
        "import atexit, sys\nfrom mulgam import interruption\n"
        "atexit.register(lambda: (print('tidying', flush=True), sys.stdin.readline()))\ninterruption.ignore()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "tidying\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate("\n", timeout=30)
    finally:
        process.kill()
    assert (process.returncode, told) == (0, "")
