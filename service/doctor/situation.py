"""What the checks are about: the settings as far as they can be read, and where things lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Situation:
    """What is examined.

    Args:
        settings: those that can be read; None where not even that can be done.
        refused: what is wrong with the others, a sentence each.
        root: the repository, or what an image has of it.
    """

    settings: Settings | None
    refused: tuple[str, ...] = ()
    root: Path = field(default=ROOT)


def present(environment: Mapping[str, str] = os.environ) -> Situation:
    """The situation of a service that would be started now; never raises."""
    try:
        from service.settings import Settings, SettingsError, from_environment
    except Exception as problem:  # numpy is missing, or broken
        return Situation(None, (f"The settings can't be read: {problem}.",))
    refused = []
    good = {}
    # One at a time, so that all that is wrong is told, and the rest can be examined.
    for name, value in environment.items():
        try:
            from_environment({name: value})
            good[name] = value
        except SettingsError as problem:
            if name == "MULGAM_PRECISION":  # right only together with the backend
                good[name] = value
            else:
                refused.append(str(problem))
    try:
        return Situation(from_environment(good), tuple(refused))
    except SettingsError as problem:
        return Situation(Settings(), (*refused, str(problem)))
