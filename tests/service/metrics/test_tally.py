"""Counting first and telling Prometheus later gives the same series as telling it each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from service.metrics.tally import CounterTally, HistogramTally

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def histogram() -> tuple[CollectorRegistry, Histogram]:
    """A fresh one with a label."""
    registry = CollectorRegistry()
    return registry, Histogram("h", "h", ("l",), buckets=BOUNDS, registry=registry)


@given(st.lists(st.sampled_from((0.0, *BOUNDS, 0.5, 2.0, 0.0625)), max_size=30), st.integers(0, 30))
def test_a_tally_equals_single_observations(values: list[float], flushed_after: int) -> None:
    """Bounds included, whatever the time of the flush."""
    one, direct = histogram()
    two, target = histogram()
    tally = HistogramTally(target.labels("x"), BOUNDS)
    direct.labels("x")
    for number, value in enumerate(values):
        direct.labels("x").observe(value)
        tally.observe(value)
        if number == flushed_after:
            tally.flush()
    tally.flush()

    def shown(registry: CollectorRegistry) -> list[str]:
        return [
            line
            for line in generate_latest(registry).decode().splitlines()
            if "_created" not in line and "_sum" not in line
        ]

    assert shown(one) == shown(two)


def test_a_counter_tally_adds_up() -> None:
    """Also over several flushes."""
    registry = CollectorRegistry()
    tally = CounterTally(Counter("c", "c", registry=registry))  # type: ignore[arg-type]
    tally.add(2)
    tally.flush()
    tally.flush()
    tally.add()
    tally.flush()
    assert registry.get_sample_value("c_total") == 3
