"""The ceiling of rows/s: ONNX Runtime in a loop, no server at all."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.cells import Cell, Form, Sample
from tests.bench.contestants.base import Contestant, Place, Running
from tests.bench.cores import on
from tests.bench.errors import BenchError
from tests.bench.model import Rows
from tests.bench.tree import ROOT


class OnnxRuntimeAlone(Contestant):
    """One thread, one call after the other."""

    name = "onnxruntime"
    title = "ONNX Runtime alone, no server"
    about = "a Python loop in process, one thread, one call after the other: the ceiling of rows/s"
    warm_up = 0

    def takes(self, cell: Cell) -> bool:
        """One caller; both forms are the same tensors to it, so once."""
        return cell.form == "json" and cell.connections == 1

    @contextlib.contextmanager
    def running(self, place: Place) -> Iterator[Running]:
        """Nothing to start."""
        yield _Loop(place)


class _Loop:
    start_seconds = None

    def __init__(self, place: Place) -> None:
        self._place = place

    def answer(self, rows: Rows, form: Form) -> Rows:
        """It is what the others are compared with."""
        return self._place.model.expected(rows)

    def measure(self, cell: Cell, seconds: int) -> Sample:
        """See `Running.measure`."""
        command = [
            sys.executable, "-m", "tests.bench.apps.onnx_loop", str(self._place.model.onnx), str(cell.rows),
            str(seconds),
        ]  # fmt: skip
        with on(self._place.cores.server):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            printed, errors = process.communicate(timeout=seconds + 30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        if process.returncode:
            raise BenchError(f"its loop failed: {errors.strip()[-300:]}")
        told = json.loads(printed)
        return Sample(told["calls"] / told["seconds"], 0, told["p50"], told["p99"], told["cpu"] / told["calls"] * 1e6)

    def memory(self) -> None:
        """Not a server: its memory says nothing."""
