"""Versions with known holes are not to be installed: `floors.toml` against every pin of the project.

It stands in for pip-audit, which asks a service on the network, and ends with 0 where it could not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tests.processes import ROOT

LIST = Path(__file__).with_name("floors.toml")
_INSTALLER = re.compile(r'^(?:PIP|TORCH) = "(.+)"$', re.MULTILINE)


def findings() -> list[str]:
    """One sentence for each pin below its floor, and for whatever can't be checked: the list fails closed."""
    lines = list(_constraints((ROOT / "deploy/local/constraints.txt").read_text(encoding="utf-8")))
    lines += _groups(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    lines += _INSTALLER.findall((ROOT / "deploy/local/install.py").read_text(encoding="utf-8"))
    return compared(lines, tomllib.loads(LIST.read_text(encoding="utf-8")))


def compared(pins: list[str], floors: dict[str, Any]) -> list[str]:
    """What is wrong with these pins ("name==version") under these floors (name -> floor and why)."""
    found = []
    seen: dict[str, list[Version]] = {}
    for pin in pins:
        try:
            name, version = parsed(pin)
        except ValueError as problem:
            found.append(str(problem))
            continue
        seen.setdefault(name, []).append(version)
    for name, rule in floors.items():
        floor = Version(rule["floor"])
        if name not in seen:
            found.append(f"{LIST.name} names {name}, which is pinned nowhere: take it out, or pin it.")
        found += [
            f"{name} {version} is below {floor} ({rule['why']})." for version in seen.get(name, ()) if version < floor
        ]
    return found


def parsed(pin: str) -> tuple[str, Version]:
    """Name and version of "name==version"; raises ValueError with a sentence."""
    try:
        requirement = Requirement(pin)
        (specifier,) = requirement.specifier
        if specifier.operator != "==" or requirement.url:
            raise ValueError
        return canonicalize_name(requirement.name), Version(specifier.version)
    except (InvalidRequirement, InvalidVersion, ValueError):
        raise ValueError(f"{pin!r} can't be checked: it is no name==version.") from None


def _constraints(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if pin := line.partition("#")[0].strip():
            yield pin


def _groups(document: dict[str, Any]) -> Iterator[str]:
    """Every pin of the dependency groups; a name alone is pinned among the constraints."""
    for group in document["dependency-groups"].values():
        for item in group:
            if isinstance(item, str) and re.search(r"[^A-Za-z0-9._-]", item):
                yield item
