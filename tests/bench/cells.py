"""What is measured: one cell is one model, so many rows a request, one form of body, so many connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["json", "binary"]
CONCURRENCY = (1, 8, 64)
BULK_ROWS = 256


@dataclass(frozen=True)
class Cell:
    """One thing to measure; `binary` is a V2 tensor body, in and out."""

    model: str
    rows: int
    form: Form
    connections: int

    def __str__(self) -> str:
        return f"{self.model}, {self.rows} row{'s' * (self.rows > 1)} {self.form}, c={self.connections}"


ROW = {connections: Cell("mlp", 1, "json", connections) for connections in CONCURRENCY}
BULK_JSON = {connections: Cell("mlp", BULK_ROWS, "json", connections) for connections in CONCURRENCY}
BULK_BINARY = {connections: Cell("mlp", BULK_ROWS, "binary", connections) for connections in CONCURRENCY}
HEAVY = {connections: Cell("heavy", 1, "json", connections) for connections in CONCURRENCY}
CELLS = {
    "mlp": (*ROW.values(), *BULK_JSON.values(), *BULK_BINARY.values()),
    "heavy": tuple(HEAVY.values()),
}


@dataclass(frozen=True)
class Sample:
    """One measurement of a cell.

    Rates are answers a second, latencies milliseconds, `cpu` CPU microseconds of the whole process tree for a
    request, `generator` and `others` cores used by the load generator and by processes that are none of ours.
    """

    rate: float
    failed: int
    p50: float
    p99: float
    cpu: float
    generator: float = 0.0
    others: float = 0.0


@dataclass(frozen=True)
class Start:
    """One start of a contestant: seconds to the first right answer, memory in MB when idle and after the load."""

    seconds: float
    idle: float
    loaded: float
    measure: str
