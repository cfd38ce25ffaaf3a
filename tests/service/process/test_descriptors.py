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


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_kernels_table_is_made_once() -> None:
    """As large as the limit from the start: grown later, it holds a process that has threads up for milliseconds."""
    script = (
        "import os, resource as r, service.process.descriptors as descriptors;"
        "r.setrlimit(r.RLIMIT_NOFILE, (4096, r.getrlimit(r.RLIMIT_NOFILE)[1]));"
        "before = os.listdir('/proc/self/fd'); descriptors.spread(); assert before == os.listdir('/proc/self/fd');"
        "print(next(line for line in open('/proc/self/status') if line.startswith('FDSize')).split()[1])"
    )
    assert int(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)) == 4096
