"""Logs: a line is a JSON object (or a line for a person) whatever callers send."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.settings import Settings
from service.telemetry import logs

HOSTILE = 'a\nb\r\nc\x00\x1b[31m\x7f\x85\x9b\u2028\u2029\u202e\t"\\}'


def record(message: str, *values: object, **extra: Any) -> logging.LogRecord:
    """What a logger hands to a formatter."""
    made = logging.LogRecord("service.x", logging.WARNING, __file__, 1, message, values, None)
    vars(made).update(extra)
    return made


def failed() -> logging.LogRecord:
    """The record of a failure whose text came from a caller."""
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        made = record("request failed", request_id="r-1")
        made.exc_info = sys.exc_info()
        return made


def is_plain(line: str) -> bool:
    """One line by anybody's rules, with nothing in it that moves a terminal's cursor."""
    return len(line.splitlines()) == 1 and not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in line)


@given(st.text())
def test_any_message_is_one_json_line(text: str) -> None:
    """It parses, holds the message unchanged, and has no control character in it."""
    line = logs.JsonLines().format(record("%s", text))
    assert is_plain(line)
    assert json.loads(line)["message"] == text


def test_a_callers_new_lines_and_controls_break_no_line() -> None:
    """In the message, in a field, in a traceback."""
    for made in (record(HOSTILE), record("request", route=HOSTILE), failed()):
        assert is_plain(logs.JsonLines().format(made))
    assert json.loads(logs.JsonLines().format(record("request", route=HOSTILE)))["route"] == HOSTILE


def test_a_line_says_when_how_bad_and_from_where() -> None:
    """UTC with milliseconds, level in lower case, logger."""
    made = record("it %s", "happened")
    made.created, made.msecs = 1_800_000_000.007, 7.0
    document = json.loads(logs.JsonLines().format(made))
    assert document == {
        "time": "2027-01-15T08:00:00.007Z", "level": "warning", "logger": "service.x", "message": "it happened",
    }  # fmt: skip
    assert datetime.fromisoformat(document["time"]).utcoffset() is not None


def test_extra_fields_are_fields_of_the_line() -> None:
    """Numbers stay numbers; what JSON does not know is written as text."""
    document = json.loads(logs.JsonLines().format(record("request", status=200, seconds=0.25, cause=ValueError("x"))))
    assert (document["status"], document["seconds"], document["cause"]) == (200, 0.25, "x")


def test_a_traceback_is_a_field() -> None:
    """With the request id beside it."""
    document = json.loads(logs.JsonLines().format(failed()))
    assert document["traceback"].startswith("Traceback (most recent call last):")
    assert "test_logs.py" in document["traceback"]
    assert document["request_id"] == "r-1"


def test_korean_stays_readable() -> None:
    """Names of models and classes are not turned into escapes."""
    assert "물감" in logs.JsonLines().format(record("물감"))
    assert "물감" in logs.Text().format(record("물감"))


def test_text_is_a_line_for_a_person() -> None:
    """Time, level, message, fields."""
    line = logs.Text().format(record("request", status=404, route="unmatched"))
    assert line.split(" ", 1)[1] == "warning request status=404 route=unmatched"
    assert is_plain(logs.Text().format(record("request", route=HOSTILE)))


def test_a_traceback_for_a_person_moves_no_cursor() -> None:
    """It is on lines of its own, and the caller's control characters are escaped in it too."""
    text = logs.Text().format(failed())
    assert "\nTraceback (most recent call last):\n" in text
    assert all(one == "\n" or (ord(one) >= 32 and not 127 <= ord(one) < 160) for one in text)


class Terminal(io.StringIO):
    """Standard error where a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("text", io.StringIO, False),
    ],
)
def test_the_form_follows_the_setting(
    log_format: str, stream: type[io.StringIO], is_json: bool, root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` is text on a terminal and JSON elsewhere; the others are what they say."""
    errors = stream()
    monkeypatch.setattr(sys, "stderr", errors)
    logs.configure(Settings(log_format=log_format))
    logging.getLogger("service.x").warning("hello", extra={"n": 1})
    assert errors.getvalue().startswith("{") is is_json


def test_the_level_follows_the_setting(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than that is not written."""
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    logs.configure(Settings(log_level="warning"))
    logging.getLogger("service.x").info("hello")
    assert errors.getvalue() == ""
    logs.configure(Settings(log_level="debug"))
    logging.getLogger("service.x").debug("hello")
    assert json.loads(errors.getvalue())["message"] == "hello"
