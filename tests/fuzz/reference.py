"""Requests made from the API reference, by schemathesis, on the socket of a real service.

Whatever they are, the answer has a status, a media type, headers and a body that the reference names, and is no 5xx.
Whether valid requests are accepted and invalid ones refused is not asked here: no schema says all of it, and
tests/service/openapi/test_agreement.py asks it more exactly.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import builders, groups
from tests.processes import ROOT, predict, serving

GROUP, MODULES = "apifuzz", ("schemathesis",)
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method",
)  # fmt: skip
# Of one operation; the coverage phase makes as many as it has cases.
_COUNT = re.compile(r"^ +(\d+) generated", re.MULTILINE)
_FAILED = re.compile(r"^_{3,} .+? _{3,}$.*?(?=^_{3,} |^={3,} )", re.MULTILINE | re.DOTALL)


def run(seed: int, examples: int) -> list[str]:
    """So many examples for each operation and phase, against a service of its own; what did harm."""
    if groups.missing(MODULES) and (not groups.install(GROUP) or groups.missing(MODULES)):
        return [f"pip could not install the group {GROUP!r} of pyproject.toml"]
    with tempfile.TemporaryDirectory(prefix="mulgam-fuzz-") as name:
        folder = Path(name)
        publish(folder / "registry")
        settings = {"drain_delay": "0", "log_level": "error", "max_rows": "100", "bulk_max_rows": "1000"}
        with serving(folder / "registry", folder, backend="onnxruntime", **settings) as service:
            status, told = ask(f"http://127.0.0.1:{service.port}/openapi.json", folder, seed, examples)
            count = _COUNT.search(told)
            harm = failures(told) if status else []
            print(f"fuzz: {count[1] if count else 'no'} requests made from the API reference, {len(harm)} did harm")
            if not count or (status and not harm):
                harm.append(f"schemathesis ended with {status}: {told[-2000:]}")
            if predict(service.port, "notes", [[32, 3, 0.3]]).status != 200:
                harm.append("a good request is not answered")
            harm += [f"in the log: {line[:1000]}" for line in service.output().splitlines() if '"error"' in line][:5]
            return harm


def publish(root: Path) -> None:
    """A quantity and a class: finite whatever they are asked, so that no answer is a 502."""
    builders.publish_linear(root, weights=(0.1, 0.3, 0.4))
    builders.publish_mixed(root)


def ask(url: str, folder: Path, seed: int, examples: int) -> tuple[int, str]:
    """Run schemathesis on a document; its exit status and what it printed."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", url, "--no-color", "--workers", "1",
        "--seed", str(seed), "--max-examples", str(examples), "--checks", ",".join(CHECKS),
        "--generation-database", "none", "--continue-on-failure",
    ]  # fmt: skip
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz.media", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def failures(told: str) -> list[str]:
    """What schemathesis found, an operation each."""
    return [found[0].strip()[:1500] for found in _FAILED.finditer(told)]
