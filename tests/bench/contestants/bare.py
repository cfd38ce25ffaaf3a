"""The ceiling of requests/s: a server in Rust, driven by Python, with nothing behind it."""

from __future__ import annotations

import sys

import numpy as np

from tests.bench.apps.bare import ANSWER
from tests.bench.cells import Cell
from tests.bench.contestants.base import Launch, Place, Server
from tests.bench.model import Published, Rows


class Bare(Server):
    """Granian with a fixed answer."""

    name = "bare"
    title = "bare granian, fixed answer"
    about = "granian (RSGI) on uvloop, reading each body, computing nothing"

    def launch(self, place: Place) -> Launch:
        """See `Server.launch`."""
        return Launch([sys.executable, "-m", "tests.bench.apps.bare", str(place.port)], {})

    def takes(self, cell: Cell) -> bool:
        """One row only: it computes nothing, so more rows say nothing."""
        return cell.model == "mlp" and cell.rows == 1

    def expected(self, model: Published, rows: Rows) -> Rows:
        """Its fixed answer."""
        return np.array([0.12345678] * len(rows[:1]), dtype=np.float32)


assert b"0.12345678" in ANSWER
