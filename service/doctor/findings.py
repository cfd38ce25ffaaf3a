"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(frozen=True)
class Finding:
    """One line of the checkup.

    Args:
        check: which one.
        verdict: "ok"; "warning": it serves, but not as it should; "failure": it does not serve.
        found: what there is, in a phrase or a sentence.
        advice: what to do, in one sentence; where something is wrong.
    """

    check: str
    verdict: str
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It serves, but not as it should."""
    return Finding(check, WARNING, found, advice)


def failure(check: str, found: str, advice: str) -> Finding:
    """It does not serve."""
    return Finding(check, FAILURE, found, advice)
