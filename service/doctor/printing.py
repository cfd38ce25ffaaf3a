"""What a person sees of a checkup, and what a program does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from mulgam.terminal import painted
from service.doctor.findings import FAILURE, OK, WARNING, Finding

_COLOURS = {OK: "green", WARNING: "yellow", FAILURE: "red"}
_WIDTH = 15


def line(finding: Finding, coloured: bool) -> str:
    """A finding, with what to do on a line of its own."""
    verdict = painted(f"{finding.verdict:8}", _COLOURS[finding.verdict], coloured)
    advice = f"\n{'':{_WIDTH + 11}}{painted('→ ' + finding.advice, 'bold', coloured)}" if finding.advice else ""
    return f"  {verdict} {finding.check:{_WIDTH}}{finding.found}{advice}"


def summary(findings: Sequence[Finding]) -> str:
    """How many there were of each verdict."""
    counted = Counter(finding.verdict for finding in findings)
    parts = [f"{counted[OK]} ok"]
    parts += [
        f"{counted[kind]} {kind}{'s' if counted[kind] > 1 else ''}" for kind in (WARNING, FAILURE) if counted[kind]
    ]
    return ", ".join(parts) + "."


def document(findings: Sequence[Finding]) -> str:
    """All of it as JSON."""
    healthy = all(finding.verdict != FAILURE for finding in findings)
    return json.dumps({"ok": healthy, "findings": [asdict(finding) for finding in findings]}, indent=2)
