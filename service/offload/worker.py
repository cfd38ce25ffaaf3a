"""The worker: `python -m service.offload.worker DESCRIPTOR`, started by the gateway at the first large body.

It calls what it is asked to, one after another, and answers with the result or with what was raised, until the gateway
hangs up.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from mulgam.errors import MulgamError
from service import priority
from service.offload import frames


def main() -> int:
    """Work until the gateway is gone."""
    priority.stand_last()
    # Ctrl-C and SIGTERM are the gateway's to obey: it may still wait for an answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        work(Connection(int(sys.argv[1])))
    except (EOFError, OSError):
        return 0


def work(connection: Connection) -> NoReturn:
    """Answer until the gateway hangs up; then raises EOFError or OSError."""
    known = frames.Known()
    frames.send(connection, (None, None))  # it is here
    while True:
        # Before it is named for the first time a version comes itself, else None.
        served = connection.recv()
        if served is not None:
            known.add(served)
        function, arguments = frames.receive(connection, known)
        frames.send(connection, outcome(function, arguments))


def outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    """What a function returned, and what it raised; a defect as the text of its traceback."""
    try:
        return function(*arguments), None
    except MulgamError as problem:
        return None, problem.with_traceback(None)
    except Exception:
        return None, RuntimeError(traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main())
