"""A function of the user's that gets the gateway's app: called once, or refused with what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mulgam.errors import MulgamError
from service import hooks
from service.app import create_app
from service.bridge import Bridge
from service.plane import DataPlane

MODULE = """
from flask import abort, request

text = "no function"

def install(app):
    @app.before_request
    def only_with_a_word():
        if request.headers.get("X-Word") != "please":
            abort(403)

def fails(app):
    raise RuntimeError("no database")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module of a user's."""
    (tmp_path / "my_gateway_hook.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_gateway_hook"
    sys.modules.pop("my_gateway_hook", None)


def test_it_is_called_with_the_app(plane: DataPlane, bridge: Bridge, module: str) -> None:
    """What it adds counts; without one, nothing around our app is foreign."""
    app = create_app(plane, bridge)
    hooks.install(app, "")
    assert not hooks.are_foreign(app)
    hooks.install(app, f"{module}:install")
    assert hooks.are_foreign(app)
    assert app.test_client().get("/models").status_code == 403
    assert app.test_client().get("/models", headers={"X-Word": "please"}).status_code == 200


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("no_such_module_at_all:install", "No module named 'no_such_module_at_all'"),
        ("my_gateway_hook:missing", "has no attribute 'missing'"),
        ("my_gateway_hook:text", "TypeError: text is of str"),
        ("my_gateway_hook:fails", "RuntimeError: no database"),
    ],
)
def test_one_that_cannot_be_used_is_named(
    plane: DataPlane, bridge: Bridge, module: str, place: str, reason: str
) -> None:
    """In one sentence, with what Python says of it."""
    with pytest.raises(MulgamError, match=reason) as caught:
        hooks.install(create_app(plane, bridge), place)
    assert str(caught.value).startswith(f"MULGAM_APP_HOOK is '{place}'")


def test_it_is_looked_up_before_anything_is_started(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process of its own: this one has imported nothing of it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    hooks.check("")
    hooks.check(f"{module}:install")
    with pytest.raises(MulgamError, match="has no attribute 'missing'") as caught:
        hooks.check(f"{module}:missing")
    assert "\n" not in str(caught.value)
    assert module not in sys.modules
