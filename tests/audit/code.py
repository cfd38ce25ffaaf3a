"""bandit over what runs in production: nothing of medium severity or above without a written reason.

A waiver is `# nosec B104 # why` on the line: the number of the rule, and a reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from tests.processes import ROOT

ROOMS = ("mulgam", "model", "handler", "service", "deploy", "docs")
_WAIVER = re.compile(r"#\s*nosec\b(?P<rest>.*)")
_REASONED = re.compile(r" B\d{3} # \S.*")


def findings() -> list[str]:
    """One line for each issue, and for each waiver that gives no rule or no reason."""
    command = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", "-ll", *ROOMS]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        document = json.loads(ended.stdout)
    except ValueError:
        return [f"bandit failed: {ended.stderr.strip()[-300:]}"]
    found = [f"{one['filename']} can't be checked: {one['reason']}" for one in document["errors"]]
    found += [
        f"{one['filename']}:{one['line_number']}: {one['test_id']} ({one['issue_severity'].lower()}):"
        f" {one['issue_text']}"
        for one in document["results"]
    ]
    return found + _unreasoned()


def _unreasoned() -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: a waiver needs a rule and a reason: # nosec B104 # why"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (waiver := _WAIVER.search(line)) and not _REASONED.fullmatch(waiver["rest"])
    ]
