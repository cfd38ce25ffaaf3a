"""A service takes as many open files as it may, whatever the shell that started it allows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.processes import ROOT


@pytest.mark.parametrize(("soft", "hard", "taken"), [(64, 512, 512), (512, 512, 512), (64, 10**6, 65_536)])
def test_the_limit_is_raised(soft: int, hard: int, taken: int) -> None:
    """To the hard limit, within reason; never lowered."""
    most = int(subprocess.check_output(["sh", "-c", "ulimit -Hn | sed s/unlimited/10000000/"], text=True))
    script = (
        "import resource as r, sys; import service.process.descriptors as descriptors;"
        "soft, hard = map(int, sys.argv[1:]); r.setrlimit(r.RLIMIT_NOFILE, (soft, hard));"
        "descriptors.take(); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    command = [sys.executable, "-c", script, str(soft), str(min(hard, most))]
    assert int(subprocess.check_output(command, cwd=ROOT, text=True)) == min(taken, most)
