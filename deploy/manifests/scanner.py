"""`python -m deploy.manifests.scanner`: the policy scanner checkov over every rendering and every Dockerfile.

It lives in an environment of its own (`make scan`): what it needs would set back libraries that the tests run with.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.manifests.rendering import ROOT, RenderError, combinations, render

CHECKOV = ROOT / "build" / "checkov" / "bin" / "checkov"
RENDERED = ROOT / "build" / "scanned"
IMAGES = ROOT / "deploy" / "images"
_PORTLESS = (
    "TorchServe's own container (two-containers) has no port: golden requests through the gateway are its probe, and"
    " our own rule holds every container that has one"
)
# What it finds and we leave, with the reason; nothing else may be found, and each of these must be.
WAIVED = {
    "CKV_K8S_8": _PORTLESS,
    "CKV_K8S_9": _PORTLESS,
    "CKV_K8S_11": "a CPU limit makes predictions wait though the node is idle; requests share out a busy one",
    "CKV_K8S_15": "a version's tag means one image; a pull at each start would need the registry for a restart",
    "CKV_K8S_43": "the digest is that of your registry: put it in by `images: [{name: mulgam-server, digest: …}]`",
    "CKV_DOCKER_7": "the base has a tag, in the default of ARG BASE, which the scanner does not read",
}


def reports(text: str) -> Iterator[Any]:
    """The reports in what checkov prints: of each folder one, or one for each framework; raises ValueError."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield from document if isinstance(document, list) else [document]
        rest = rest[end:].lstrip()


def found(told: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Check and sentence of each failure in reports."""
    for one in told:
        for failure in one.get("results", {}).get("failed_checks", []):
            where = f"{Path(failure['file_path']).name}: {failure['resource']}"
            yield failure["check_id"], f"{failure['check_id']}: {where}: {failure['check_name']}"


def unwaived(findings: Sequence[tuple[str, str]]) -> list[str]:
    """What is wrong: findings without a reason, and reasons without a finding."""
    checks = {check for check, _ in findings}
    idle = [f"{check}: it is waived, but nothing is found any more" for check in WAIVED if check not in checks]
    return [*dict.fromkeys(sentence for check, sentence in findings if check not in WAIVED), *idle]


def main() -> int:
    """0 where nothing is found without a reason; 1 with what is, or where the scanner does not run."""
    given = _arguments()
    if not given.checkov.is_file():
        print("scan: checkov is not installed; `make scan` does that.", file=sys.stderr)
        return 1
    shutil.rmtree(RENDERED, ignore_errors=True)
    RENDERED.mkdir(parents=True)
    try:
        for combination in combinations():
            (RENDERED / f"{combination}.yaml").write_text(render(combination), encoding="utf-8")
    except RenderError as problem:
        print(f"scan: {problem}", file=sys.stderr)
        return 1
    folders = ("--directory", str(RENDERED), "--directory", str(IMAGES))
    words = [str(given.checkov), "--skip-download", "--quiet", "--compact", "--output", "json", "--soft-fail"]
    words += ["--framework", "kubernetes", "dockerfile", *folders]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        told = list(reports(ended.stdout))
        passed = sum(one["summary"]["passed"] for one in told)
    except (ValueError, KeyError):
        print(f"scan: checkov gave no report: {(ended.stderr or ended.stdout).strip()[-500:]}", file=sys.stderr)
        return 1
    findings = list(found(told))
    wrong = unwaived(findings)
    for sentence in wrong:
        print(f"scan: {sentence}", file=sys.stderr)
    print(f"scan: {passed} checks passed, {len(findings)} findings in {len(WAIVED)} waived kinds, {len(wrong)} wrong")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.manifests.scanner", description=__doc__)
    parser.add_argument("--checkov", type=Path, default=CHECKOV, help="the scanner's own program")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
