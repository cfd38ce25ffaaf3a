"""Refused requests in the log: each has a line, but for a flood of the same; none is left uncounted."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from service.errors import ApiError
from service.telemetry.refusals import MOST, Refusals

BUSY, WRONG = ApiError(503, "OVERLOADED", "Too busy."), ApiError(400, "BAD_JSON", "No JSON.")


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At the beginning of a second."""
    return Clock()


@pytest.fixture
def refusals(clock: Clock, caplog: pytest.LogCaptureFixture) -> Iterator[Refusals]:
    """With an empty log."""
    with caplog.at_level(logging.INFO):
        yield Refusals(clock)


def refuse(refusals: Refusals, error: ApiError, times: int) -> None:
    """So many requests are refused alike."""
    for number in range(times):
        refusals.log(error, f"r-{number}", "notes", "own", 0.0)


def test_the_first_of_a_second_have_a_line_each(refusals: Refusals, caplog: pytest.LogCaptureFixture) -> None:
    """With request id, model, status and code; others of another code are not kept out by them."""
    refuse(refusals, BUSY, 5 * MOST)
    refuse(refusals, WRONG, 2)
    ids = [vars(record)["request_id"] for record in caplog.records]
    assert ids == [f"r-{number}" for number in range(MOST)] + ["r-0", "r-1"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * MOST + [logging.INFO] * 2
    assert vars(caplog.records[0])["code"] == "OVERLOADED"
    assert caplog.messages[-1] == "refused: No JSON."


@pytest.mark.parametrize("by_request", [True, False])
def test_what_had_no_line_is_counted(
    refusals: Refusals, clock: Clock, caplog: pytest.LogCaptureFixture, by_request: bool
) -> None:
    """Once, when its second is over: at the next refusal, or when somebody looks."""
    refuse(refusals, BUSY, MOST + 7)
    refuse(refusals, WRONG, MOST)
    refusals.sum_up()
    assert len(caplog.records) == 2 * MOST
    clock.now += 1
    caplog.clear()
    if by_request:
        refuse(refusals, WRONG, 1)
    else:
        refusals.sum_up()
    summary, *rest = caplog.records
    assert summary.getMessage() == "refused: 7 more within a second, without a line each"
    assert (vars(summary)["code"], vars(summary)["count"], summary.levelno) == ("OVERLOADED", 7, logging.WARNING)
    assert len(rest) == by_request
    refusals.sum_up()
    assert len(caplog.records) == 1 + by_request


def test_a_level_that_is_off_costs_and_tells_nothing(
    refusals: Refusals, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Above warning's level a refusal has neither line nor count."""
    with caplog.at_level(logging.WARNING):
        refuse(refusals, WRONG, 3 * MOST)
        clock.now += 1
        refusals.sum_up()
    assert caplog.records == []
