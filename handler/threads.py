"""How many threads one worker computes with."""

from __future__ import annotations

import os


def intra_op() -> int:
    """One, unless `OMP_NUM_THREADS` says otherwise (of a list, `4,2`, its first level counts).

    One request of a small model gains nothing from a second thread; workers are what uses the cores.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else 1
