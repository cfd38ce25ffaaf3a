"""What every contestant does: start pinned, be ready by a right answer, take load, stop with its whole tree."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from tests.bench.cells import Cell, Form, Sample
from tests.bench.cores import Cores
from tests.bench.errors import BenchError
from tests.bench.load import Request, drive
from tests.bench.model import Published, Rows, as_json, draw
from tests.bench.tree import Tree
from tests.bench.usage import Usage
from tests.processes import free_port

START_SECONDS = 60.0
# So many different requests in turn.
VARIED = 64
TOLERANCE = 1e-4
# Java goes on compiling: at one connection its CPU time for a call fell from 0.5 to 0.12 ms in the first 16 s of load.
JAVA_WARM_UP = 16


class NotServed(BenchError):
    """The contestant does not have this form of request."""


@dataclass(frozen=True)
class Place:
    """What a contestant is given: a model, an empty folder with a short name, cores, a port."""

    model: Published
    folder: Path
    cores: Cores
    port: int


@dataclass(frozen=True)
class Launch:
    """A command and what it adds to the environment."""

    command: Sequence[str]
    environment: Mapping[str, str]


class Running(Protocol):
    """A contestant that answers."""

    start_seconds: float | None

    def answer(self, rows: Rows, form: Form) -> Rows:
        """Its predictions."""
        ...

    def measure(self, cell: Cell, seconds: int) -> Sample:
        """Load it."""
        ...

    def memory(self) -> tuple[float, str] | None:
        """MB of the whole tree, and by which measure."""
        ...


class Contestant(ABC):
    """One row of the tables: its name for `--only`, its title, one sentence on how it is run."""

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    # Seconds of load before anything counts; a Java server needs `JAVA_WARM_UP`.
    warm_up: ClassVar[int] = 1
    forms: ClassVar[tuple[Form, ...]] = ("json",)

    def takes(self, cell: Cell) -> bool:
        """Whether the cell is for it."""
        return cell.form in self.forms

    def expected(self, model: Published, rows: Rows) -> Rows:
        """The right answer: ONNX Runtime's."""
        return model.expected(rows)

    @abstractmethod
    def running(self, place: Place) -> contextlib.AbstractContextManager[Running]:
        """Started and answering rightly for the length of a block; nothing is left of it afterwards."""


class Server(Contestant):
    """A contestant that speaks HTTP."""

    path: ClassVar[str] = "/predict"

    @abstractmethod
    def launch(self, place: Place) -> Launch:
        """How it is started; may write into the place's folder."""

    def request(self, model: str, batches: Sequence[Rows], form: Form) -> Request:
        """The request with each batch of rows in turn."""
        bodies = [json.dumps({"instances": as_json(rows)}, separators=(",", ":")).encode() for rows in batches]
        return Request(self.path.format(model=model), {"Content-Type": "application/json"}, bodies)

    def predictions(self, body: bytes, headers: Mapping[str, str], form: Form) -> Rows:
        """The predictions in an answer; header names are in lower case."""
        return np.array(json.loads(body)["predictions"], dtype=np.float32)

    @contextlib.contextmanager
    def running(self, place: Place) -> Iterator[RunningServer]:
        """See `Contestant.running`."""
        launch = self.launch(place)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MULGAM_", "TS_"))}
        environment = {**kept, "TMPDIR": str(place.folder), **launch.environment}
        started = time.monotonic()
        tree = Tree(launch.command, environment, place.folder, place.cores.server)
        try:
            running = RunningServer(self, place, tree)
            running.wait_until_right()
            running.start_seconds = time.monotonic() - started
            yield running
        finally:
            tree.stop()


class RunningServer:
    """A started server: see `Running`.

    Args:
        server: how it is asked.
        place: where it was started.
        tree: its processes.
    """

    def __init__(self, server: Server, place: Place, tree: Tree) -> None:
        self._server = server
        self.place = place
        self.tree = tree
        self.start_seconds: float | None = None

    def wait_until_right(self) -> None:
        """Ask until the answer to one row is right; raises BenchError when that takes too long."""
        row = draw(1, seed=2)
        expected = self._server.expected(self.place.model, row)
        last = "no connection"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self.tree.is_over:
            try:
                if np.allclose(self.answer(row, "json"), expected, rtol=TOLERANCE, atol=TOLERANCE):
                    return
                last = "a wrong answer"
            except (OSError, http.client.HTTPException):
                pass
            except BenchError as problem:
                last = str(problem)
            time.sleep(0.01)
        what = "ended at its start" if self.tree.is_over else f"did not answer rightly within {START_SECONDS:g} s"
        raise BenchError(f"{what} (last: {last}); its log ends: {self.tree.log_tail()}")

    def answer(self, rows: Rows, form: Form) -> Rows:
        """One request on a connection of its own."""
        request = self._server.request(self.place.model.name, [rows], form)
        connection = http.client.HTTPConnection("127.0.0.1", self.place.port, timeout=10)
        try:
            connection.request("POST", request.path, request.bodies[0], dict(request.headers))
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        if reply.status == 404:
            raise NotServed(f"{request.path} is not there (404)")
        if reply.status != 200:
            raise BenchError(f"{request.path} was answered {reply.status}: {body[:200].decode(errors='replace')}")
        headers = {name.lower(): value for name, value in reply.getheaders()}
        try:
            return self._server.predictions(body, headers, form)
        except (ValueError, KeyError, TypeError) as problem:
            raise BenchError(f"{request.path} was answered with something else: {body[:200]!r}") from problem

    def measure(self, cell: Cell, seconds: int) -> Sample:
        """See `Running.measure`."""
        request, usage = self.request(cell), Usage(self.tree)
        figures = drive(self.place.port, request, cell.connections, seconds, self.place.cores.load)
        if figures.requests == figures.failed:
            raise BenchError(f"none of {figures.requests} requests was answered well ({cell})")
        taken = usage.taken(figures.generator_cpu)
        return Sample(
            figures.rate, figures.failed, figures.p50, figures.p99,
            taken.cpu / figures.requests * 1e6, figures.generator_cpu, taken.others,
        )  # fmt: skip

    def request(self, cell: Cell) -> Request:
        """What a cell sends: bodies that vary."""
        batches = [draw(cell.rows, seed=10 + number) for number in range(VARIED)]
        return self._server.request(self.place.model.name, batches, cell.form)

    def memory(self) -> tuple[float, str]:
        """See `Running.memory`."""
        size, measure = self.tree.memory_bytes()
        return size / 1e6, measure


def place_for(model: Published, folder: Path, cores: Cores) -> Place:
    """A place with a free port."""
    folder.mkdir()
    return Place(model, folder, cores, free_port())
