"""What a gateway process tells its supervisor over the pipe, and how long it is believed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam.serving import Choice
from service.process.status import INTERVAL_SECONDS, STALE_SECONDS, Order, Status, from_line, to_line
from service.resilience.readiness import State

STATES = st.dictionaries(st.text(min_size=1), st.builds(State, st.booleans(), st.none() | st.text()))


@given(STATES)
def test_a_state_survives_the_pipe(states: dict[str, State]) -> None:
    """Whatever a cause holds, it is one line, and reads back equal."""
    line = to_line(Status(states))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert dict(from_line(line).models) == states


def test_the_rest_survives_the_pipe_too() -> None:
    """Generation, refusals, open breakers, versions that tables hold, canaries and shadows."""
    trials = {("notes", 3): State(False, "wrong")}
    told = Status({}, 0.0, 7, {"notes": "its checksum differs"}, ("notes",), (("notes", 2),), trials)
    heard = from_line(to_line(told))
    assert (heard.generation, heard.refused, heard.broken, heard.held) == (7, told.refused, told.broken, told.held)
    assert heard.trials == trials


def test_an_order_survives_the_pipe() -> None:
    """With canaries and shadows."""
    order = Order(7, {"notes": Choice(1, canary=2, share=0.05, shadow=3), "shapes": Choice(4)})
    assert Order.from_line(order.to_line()) == order
    assert order.versions == {("notes", 1), ("notes", 2), ("notes", 3), ("shapes", 4)}


def test_a_process_begins_with_defaults_alone() -> None:
    """It reaches the generation only where these are all."""
    order = Order(7, {"notes": Choice(1, canary=2, share=0.05), "shapes": Choice(4)})
    assert order.defaults() == Order(0, {"notes": Choice(1), "shapes": Choice(4)})
    assert Order(7, {"shapes": Choice(4)}).defaults().generation == 7


def test_a_line_is_stamped_with_the_present() -> None:
    """On the monotonic clock: a change of the wall clock makes nothing stale."""
    before = time.monotonic()
    assert before <= from_line(to_line(Status())).at <= time.monotonic()


def test_a_status_is_believed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh until it is `STALE_SECONDS` old; several lines come in that time."""
    told = Status({}, at=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + STALE_SECONDS - 0.01)
    assert told.fresh
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + STALE_SECONDS)
    assert not told.fresh
    assert STALE_SECONDS > 5 * INTERVAL_SECONDS


def test_nothing_told_is_never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even just after the machine started, when its monotonic clock stands near zero."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.5)
    assert not Status().fresh


def test_a_line_that_was_cut_off_is_a_value_error() -> None:
    """Wherever a process was killed in it: one kind of error, which the supervisor passes over."""
    line = to_line(Status({"notes": State(False, "wrong"), "shapes": State(True)})).rstrip()
    for length in range(len(line)):
        with pytest.raises(ValueError, match=r"line|char"):
            from_line(line[:length])
