"""detect-secrets over every tracked file: nothing that looks like a key or a password.

A test's made-up one stands with `# pragma: allowlist secret`; a line of a table that gives a file's SHA-256 is none.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.processes import ROOT

_FILES_SUM = r"""^\s*"[\w./-]+\.\w+": "[0-9a-f]{64}",$"""


def findings() -> list[str]:
    """One line for each; nothing is asked over the network."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    command = [sys.executable, "-m", "detect_secrets", "scan", "--no-verify", "--exclude-lines", _FILES_SUM, *files]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        results = json.loads(ended.stdout)["results"]
    except (ValueError, KeyError):
        return [f"detect-secrets failed: {ended.stderr.strip()[-300:]}"]
    return [
        f"{name}:{one['line_number']}: this looks like a secret ({one['type']})"
        for name, places in results.items()
        for one in places
    ]
