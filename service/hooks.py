"""A user's hook in the gateway's app: a function of theirs that gets the Flask app before it serves.

It adds what Flask offers (`before_request`, `after_request`, a WSGI middleware around `wsgi_app`); where it does, every
request goes through the app, so that none passes the hook by.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask

from mulgam.errors import MulgamError
from service import requests
from service.settings import APP_HOOK


def main() -> int:
    """`python -m service.hooks MODULE:FUNCTION`: 1 with a sentence where there is no such function."""
    try:
        _found(sys.argv[1])
    except MulgamError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def check(place: str) -> None:
    """Look for the function in a process of its own: what it imports is for the gateways alone; "" is none.

    Raises:
        MulgamError: it can't be imported, or is no function.
    """
    if not place:
        return
    command = [sys.executable, "-m", "service.hooks", place]
    tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if tried.returncode:
        raise MulgamError(tried.stderr.strip().splitlines()[-1])


def install(app: Flask, place: str) -> None:
    """Call the function at `module:function` with the app; "" is none.

    Raises:
        MulgamError: as `check`, or the function raises.
    """
    if not place:
        return
    function = _found(place)
    try:
        function(app)
    except Exception as problem:
        raise _refused(place, problem) from problem


def _found(place: str) -> Callable[[Flask], object]:
    module, _, name = place.partition(":")
    try:
        function: Callable[[Flask], object] = getattr(importlib.import_module(module), name)
    except Exception as problem:
        raise _refused(place, problem) from problem
    if not callable(function):
        raise _refused(place, TypeError(f"{name} is of {type(function).__name__}"))
    return function


def _refused(place: str, problem: Exception) -> MulgamError:
    reason = " ".join(f"{type(problem).__name__}: {problem}".split())
    return MulgamError(f"{APP_HOOK} is {place!r}, which must be a function that takes the Flask app: {reason}")


def are_foreign(app: Flask) -> bool:
    """Whether anyone but us put something around the app's requests."""
    return "wsgi_app" in vars(app) or any(hook.__module__ != requests.__name__ for hook in _around(app))


def _around(app: Flask) -> Iterator[Any]:
    """Every function that Flask calls around a request."""
    yield from app.teardown_appcontext_funcs
    for table in (
        app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs, app.url_value_preprocessors,
        app.url_default_functions,
    ):  # fmt: skip
        for functions in table.values():
            yield from functions


if __name__ == "__main__":
    sys.exit(main())
