"""The policy scanner: what it prints is read, a finding without a reason is one too many, and so is an idle reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.manifests.rendering import command
from deploy.manifests.scanner import CHECKOV, WAIVED, found, main, reports, unwaived
from tests.processes import ROOT


def report(*checks: str) -> dict[str, object]:
    """What checkov says of one framework."""
    failed = [
        {"check_id": check, "check_name": "a rule", "resource": "Pod.a", "file_path": "/cpu.yaml"} for check in checks
    ]
    return {"results": {"failed_checks": failed}, "summary": {"passed": 3}}


def test_reports_of_several_folders_are_read() -> None:
    """One after the other, each alone or in a list; what is no report is an error."""
    text = json.dumps([report("A"), report("B")]) + "\n" + json.dumps(report("C"))
    assert [check for check, _ in found(reports(text))] == ["A", "B", "C"]
    assert list(reports("")) == []
    with pytest.raises(ValueError, match="Expecting value"):
        list(reports("Traceback"))


def test_only_what_has_a_reason_may_be_found() -> None:
    """Another finding is named once, with its place; a reason for what is found no more is named, too."""
    known = [*found([report(*WAIVED)])]
    assert unwaived(known) == []
    assert unwaived([*known, *found([report("CKV_1", "CKV_1")])]) == ["CKV_1: cpu.yaml: Pod.a: a rule"]
    assert unwaived(known[1:]) == [f"{known[0][0]}: it is waived, but nothing is found any more"]
    assert all(len(reason) > 30 for reason in WAIVED.values())


def test_a_scanner_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, and what installs it."""
    monkeypatch.setattr(sys, "argv", ["scan", "--checkov", str(tmp_path / "none")])
    assert main() == 1
    assert "`make scan` does that" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    not CHECKOV.is_file() or command() is None, reason="there is no checkov (`make scan`), or no kubectl"
)
def test_nothing_is_found_without_a_reason() -> None:
    """checkov over every rendering and every Dockerfile."""
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.manifests.scanner"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
