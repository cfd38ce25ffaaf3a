"""Python and the libraries: there, and in the versions that everything here was tested with."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from service.doctor.findings import Finding, failure, ok, warning
from service.doctor.situation import Situation

OLDEST, TESTED = (3, 11), (3, 11)
AGAIN = "`make -B setup` installs what is pinned."
# What a checkout needs; tests and checks are no part of serving.
_GROUPS = ("contract", "service", "handler", "train")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", re.MULTILINE)


def check_python(situation: Situation) -> Iterator[Finding]:
    """Its version, and whether it is the environment that `make setup` made."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        yield failure("python", f"Python {version}", "Install Python 3.11 and run `make setup`.")
        return
    if sys.version_info[:2] != TESTED:
        yield warning("python", f"Python {version}", "Mulgam is tested with Python 3.11; use that where you can.")
    elif sys.prefix == sys.base_prefix and (situation.root / "Makefile").exists():
        yield warning("python", f"Python {version}, the system's own", "Run `make setup`, then `make doctor`.")
    else:
        yield ok("python", f"Python {version} in {sys.prefix}")


def check_libraries(situation: Situation) -> Iterator[Finding]:
    """Each installed version against deploy/local/constraints.txt; what is needed and absent."""
    pins = _pins(situation.root / "deploy" / "local" / "constraints.txt")
    if not pins:
        yield ok("libraries", "no list of versions here (an image has none): nothing to compare with")
        return
    installed = {_normal(one.name): one.version.partition("+")[0] for one in metadata.distributions() if one.name}
    absent = sorted(name for name in _needed(situation) if name not in installed)
    other = sorted(name for name, version in pins.items() if installed.get(name, version) != version)
    if absent:
        yield failure("libraries", f"{_some(absent)}: not installed", AGAIN)
    if other:
        told = [f"{name} is {installed[name]}, pinned {pins[name]}" for name in other]
        yield warning("libraries", _some(told), AGAIN)
    if not absent and not other:
        there = sum(name in installed for name in pins)
        yield ok("libraries", f"{there} as pinned")


def _needed(situation: Situation) -> set[str]:
    """What the groups of pyproject.toml name; either of the two builds of onnxruntime will do."""
    import tomllib

    try:
        document = tomllib.loads((situation.root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    groups: dict[str, list[Any]] = document.get("dependency-groups", {})
    lines = "\n".join(line for name in _GROUPS for line in groups.get(name, []) if isinstance(line, str))
    builds = {_normal(one.name) for one in metadata.distributions() if one.name} & {"onnxruntime-gpu"}
    return {_normal(name) for name, _ in _PINNED.findall(lines)} | (builds or {"onnxruntime"}) | {"torch"}


def _pins(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {_normal(name): version for name, version in _PINNED.findall(text)}


def _normal(name: str) -> str:
    """A library's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _some(items: list[str], most: int = 5) -> str:
    rest = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + rest
