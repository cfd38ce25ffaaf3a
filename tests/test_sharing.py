"""What several processes of a run read is made once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sharing import once


def test_it_is_made_once_for_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several that want it at once: one makes it, the others wait until it is whole."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.05)
        (folder / "file").write_text("whole")

    def want(number: int) -> str:
        return (once(tmp_path / f"gw{number}", "thing", make) / "file").read_text()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(want, range(4))) == ["whole"] * 4
    assert len(made) == 1


def test_what_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given what was left half made; alone, a process keeps to its own folder."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        once(tmp_path, "thing", fail)
    made = once(tmp_path, "thing", lambda folder: (folder / "whole").touch())
    assert made == tmp_path / "thing"
    assert [path.name for path in made.iterdir()] == ["whole"]
