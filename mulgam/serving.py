"""`serving.json`: which versions are to be served. The registry's only mutable file, replaced atomically.

Absent, the highest version of each model that verifies is served. Format: `docs/registry.md`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mulgam import strict
from mulgam.errors import RegistryError
from mulgam.registry import Entry, Registry

FILE_NAME = "serving.json"
FORMAT = 1


@dataclass(frozen=True)
class Choice:
    """What is served of one model: the default version; `canary` takes a share of the requests, `shadow`
    sees them without answering; `previous` was the default before, for the way back."""

    default: int
    canary: int | None = None
    share: float = 0.0
    shadow: int | None = None
    previous: int | None = None

    @property
    def versions(self) -> set[int]:
        """All that are named: served, tried, or the way back."""
        return {one for one in (self.default, self.canary, self.shadow, self.previous) if one is not None}


@dataclass(frozen=True)
class Plan:
    """The parsed file; `generation` grows by one with every change."""

    generation: int = 0
    models: Mapping[str, Choice] = field(default_factory=dict)


def read(registry: Registry) -> Plan:
    """The plan of a registry; an empty one where there is no file.

    Raises:
        RegistryError: the file is there and is not a plan.
    """
    path = registry.root / FILE_NAME
    if not path.exists():
        return Plan()
    document = strict.fields(
        strict.read_document(path), str(path),
        required={"format": int, "generation": int, "models": dict}, optional={},
    )  # fmt: skip
    if document["format"] != FORMAT:
        raise RegistryError(f"{path} has format {document['format']!r}; this Mulgam reads format {FORMAT}.")
    choices = {model: _choice(item, f"{path}: {model!r}") for model, item in document["models"].items()}
    return Plan(document["generation"], choices)


def write(registry: Registry, plan: Plan) -> None:
    """Replace the file atomically.

    Raises:
        RegistryError: the registry can't be written.
    """
    models: dict[str, Any] = {}
    for model, choice in plan.models.items():
        models[model] = {"default": choice.default}
        if choice.previous is not None:
            models[model]["previous"] = choice.previous
        if choice.canary is not None:
            models[model]["canary"] = {"version": choice.canary, "share": choice.share}
        if choice.shadow is not None:
            models[model]["shadow"] = choice.shadow
    document = {"format": FORMAT, "generation": plan.generation, "models": models}
    try:
        with tempfile.TemporaryDirectory(dir=registry.root, prefix=".serving-") as folder:
            with Path(folder, FILE_NAME).open("w", encoding="utf-8") as file:
                file.write(json.dumps(document, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(file.name, registry.root / FILE_NAME)
    except OSError as problem:
        raise RegistryError(f"{registry.root / FILE_NAME} can't be written: {problem.strerror}.") from problem


def resolve(registry: Registry, plan: Plan) -> tuple[dict[str, Entry], list[RegistryError]]:
    """The verified default version of each model, and what was refused on the way.

    A model that the plan names is served in that version only; one that it does not name, in the
    highest version that verifies. A model with no good version is left out.
    """
    entries: dict[str, Entry] = {}
    refused: list[RegistryError] = []
    for model in sorted({*registry.models(), *plan.models}):
        choice = plan.models.get(model)
        if choice is None:
            entry, passed_over = registry.newest(model)
            refused += passed_over
            if entry is not None:
                entries[model] = entry
            continue
        try:
            entries[model] = registry.entry(model, choice.default)
        except RegistryError as problem:
            refused.append(problem)
    return entries, refused


def promote(registry: Registry, model: str, version: int | None = None) -> Plan:
    """Make a version the default, after its files were verified; every serving process follows.

    Args:
        registry: where.
        model: which model.
        version: None for the highest that verifies.

    Returns:
        The plan as written.

    Raises:
        RegistryError: there is no such version, it is not what was published, or the file can't be written.
    """
    with changing(registry):
        if version is None:
            entry, refused = registry.newest(model)
            if entry is None:
                raise refused[0] if refused else RegistryError(f"{registry.root} holds no version of {model!r}.")
        else:
            entry = registry.entry(model, version)
        plan = read(registry)
        old = plan.models.get(model)
        others = [other for other in registry.versions(model) if other != entry.version]
        if old is None:
            # Without a plan the highest is served, or was before the promoted one was published.
            previous = others[-1] if others else None
        else:
            # Promoting what is served already must not make it its own way back.
            previous = old.default if old.default != entry.version else old.previous
        return _changed(registry, plan, model, Choice(entry.version, previous=previous))


def pin(registry: Registry, model: str, version: int) -> Plan:
    """Keep a version the default where no plan says which is; a plan that names the model stays as it is.

    Raises:
        RegistryError: the file is damaged or can't be written.
    """
    with changing(registry):
        plan = read(registry)
        return plan if model in plan.models else _changed(registry, plan, model, Choice(version))


def rollback(registry: Registry, model: str) -> Plan:
    """Go back to the version that was the default before (a second time: forth again).

    Raises:
        RegistryError: there is none, it does not verify, or the file can't be written.
    """
    with changing(registry):
        plan = read(registry)
        choice = plan.models.get(model)
        if choice is None or choice.previous is None:
            raise RegistryError(f"There is no version of {model!r} to go back to: nothing was promoted before.")
        entry = registry.entry(model, choice.previous)
        return _changed(registry, plan, model, Choice(entry.version, previous=choice.default))


def _changed(registry: Registry, plan: Plan, model: str, choice: Choice) -> Plan:
    changed = Plan(plan.generation + 1, {**plan.models, model: choice})
    write(registry, changed)
    return changed


@contextlib.contextmanager
def changing(registry: Registry) -> Iterator[None]:
    """One change at a time: two at once would both start from the same plan, and one be lost."""
    try:
        file = (registry.root / ".serving.lock").open("w")
    except OSError as problem:
        raise RegistryError(f"{registry.root} can't be written: {problem.strerror}.") from problem
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _choice(value: object, where: str) -> Choice:
    read = strict.fields(
        value, where, required={"default": int}, optional={"previous": int, "canary": dict, "shadow": int}
    )
    if read["canary"] is None:
        return Choice(read["default"], shadow=read["shadow"], previous=read["previous"])
    canary = strict.fields(
        read["canary"], f"{where}: canary", required={"version": int, "share": strict.NUMBER}, optional={}
    )
    if not 0 <= canary["share"] <= 1:
        raise RegistryError(f"{where}: the canary's share must lie between 0 and 1.")
    return Choice(read["default"], canary["version"], float(canary["share"]), read["shadow"], read["previous"])
