"""What a person who runs the benchmark is told in one sentence."""

from __future__ import annotations


class BenchError(Exception):
    """The benchmark can't go on, or a contestant is out; the message says why."""
