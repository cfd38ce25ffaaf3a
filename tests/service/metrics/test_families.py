"""The series as they are declared: fine enough for what they measure."""

from __future__ import annotations

import pytest

from service.metrics.families import Families


@pytest.mark.parametrize("name", ["request_seconds", "queue_seconds", "backend_seconds"])
def test_a_small_model_in_process_is_measured(name: str) -> None:
    """What takes tens of microseconds lies between bounds, not below the first one: else its quantiles are made up."""
    families = Families()
    family = getattr(families, name)
    labels = dict(zip(family._labelnames, ("notes", "1", "json"), strict=False))
    family.labels(**labels).observe(48e-6)

    def up_to(bound: str) -> float | None:
        return families.registry.get_sample_value(f"mulgam_{name}_bucket", {**labels, "le": bound})

    assert (up_to("2.5e-05"), up_to("5e-05"), up_to("0.0001")) == (0, 1, 1)


@pytest.mark.parametrize("name", ["queue_seconds", "backend_seconds"])
def test_a_call_is_told_from_one_of_a_few_microseconds(name: str) -> None:
    """What the model itself takes goes down to 5 µs."""
    families = Families()
    getattr(families, name).labels("notes", "1").observe(7e-6)
    buckets = [
        families.registry.get_sample_value(f"mulgam_{name}_bucket", {"model": "notes", "version": "1", "le": bound})
        for bound in ("5e-06", "1e-05")
    ]
    assert buckets == [0, 1]
