"""On a busy core the event loop goes before whoever works for one caller only."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service import priority
from tests.processes import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux alone")


def test_a_thread_gives_way_to_those_that_started_it() -> None:
    """A little: the others keep what they had."""
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with ThreadPoolExecutor(1, initializer=priority.stand_back) as pool:
        thread = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert before < thread <= before + 5
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_a_process_gives_way_to_all() -> None:
    """As far as it can."""
    script = "import os; from service import priority; priority.stand_last(); print(os.nice(0))"
    assert subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).strip() == "19"
