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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mulgam import strict
from mulgam.errors import RegistryError
from mulgam.registry import Entry, Registry

FILE_NAME = "serving.json"
FORMAT = 1
# The roles that a version can have beside the default's.
CANARY, SHADOW = "canary", "shadow"


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

    @property
    def trials(self) -> dict[str, int]:
        """Role -> version of those beside the default."""
        named = {CANARY: self.canary, SHADOW: self.shadow}
        return {role: version for role, version in named.items() if version is not None}

    def without(self, role: str) -> Choice:
        """The same without its canary or its shadow."""
        return replace(self, canary=None, share=0.0) if role == CANARY else replace(self, shadow=None)


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
    choices = {model: from_document(item, f"{path}: {model!r}") for model, item in document["models"].items()}
    return Plan(document["generation"], choices)


def write(registry: Registry, plan: Plan) -> None:
    """Replace the file atomically.

    Raises:
        RegistryError: the registry can't be written.
    """
    models = {model: to_document(choice) for model, choice in plan.models.items()}
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


def to_document(choice: Choice) -> dict[str, Any]:
    """A choice as it stands in the file."""
    document: dict[str, Any] = {"default": choice.default}
    if choice.previous is not None:
        document["previous"] = choice.previous
    if choice.canary is not None:
        document[CANARY] = {"version": choice.canary, "share": choice.share}
    if choice.shadow is not None:
        document[SHADOW] = choice.shadow
    return document


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


def line_ups(registry: Registry, plan: Plan, entries: Mapping[str, Entry]) -> tuple[dict[str, Choice], dict[str, str]]:
    """What is served of each model, canary and shadow included where they verify.

    Args:
        registry: where.
        plan: says which versions they are.
        entries: model -> its verified default.

    Returns:
        model -> its choice; "model role" -> why that version is left out.
    """
    choices: dict[str, Choice] = {}
    refused: dict[str, str] = {}
    for model, entry in entries.items():
        choice = plan.models.get(model, Choice(entry.version))
        others = {choice.default}
        for role, version in choice.trials.items():
            try:
                if version in others:
                    raise RegistryError(f"Version {version} of {model!r} has another role already.")
                others.add(registry.entry(model, version).version)
            except RegistryError as problem:
                choice = choice.without(role)
                refused[f"{model} {role}"] = str(problem)
        choices[model] = choice
    return choices, refused


def promote(registry: Registry, model: str, version: int | None = None) -> Plan:
    """Make a version the default, after its files were verified; every serving process follows.

    Canary and shadow end with it.

    Args:
        registry: where.
        model: which model.
        version: None for the canary; where there is none, the highest that verifies.

    Returns:
        The plan as written.

    Raises:
        RegistryError: there is no such version, it is not what was published, or the file can't be written.
    """
    with changing(registry):
        plan = read(registry)
        old = plan.models.get(model)
        if version is None and old is not None:
            version = old.canary
        entry = _newest(registry, model) if version is None else registry.entry(model, version)
        others = [other for other in registry.versions(model) if other != entry.version]
        if old is None:
            # Without a plan the highest is served, or was before the promoted one was published.
            previous = others[-1] if others else None
        else:
            # Promoting what is served already must not make it its own way back.
            previous = old.default if old.default != entry.version else old.previous
        return _changed(registry, plan, model, Choice(entry.version, previous=previous))


def canary(registry: Registry, model: str, version: int, share: float) -> Plan:
    """Give a share of the requests to another version, after its files were verified.

    Args:
        registry: where.
        model: which model.
        version: the canary, in place of another that there may be.
        share: of the requests, above 0 and below 1.

    Returns:
        The plan as written.

    Raises:
        RegistryError: there is no such version, it has another role already or is not what was published, the share
            is none, or the file can't be written.
    """
    if not 0 < share < 1:
        raise RegistryError(f"The share must lie between 0 and 1, without these, not {share:g}.")
    return _tried(registry, model, CANARY, version, share)


def shadow(registry: Registry, model: str, version: int) -> Plan:
    """Let another version compute the requests as well, without answering. Raises as `canary`."""
    return _tried(registry, model, SHADOW, version)


def end(registry: Registry, model: str, role: str) -> Plan:
    """No canary (or no shadow) from now on; the default takes all requests.

    Raises:
        RegistryError: there is none, or the file can't be written.
    """
    with changing(registry):
        plan = read(registry)
        choice = plan.models.get(model)
        if choice is None or role not in choice.trials:
            raise RegistryError(f"There is no {role} of {model!r}.")
        return _changed(registry, plan, model, choice.without(role))


def _tried(registry: Registry, model: str, role: str, version: int, share: float = 0.0) -> Plan:
    """Write a choice in which a version is tried beside the default."""
    with changing(registry):
        plan = read(registry)
        entry = registry.entry(model, version)
        choice = plan.models.get(model)
        if choice is None:
            choice = Choice(_newest(registry, model).version)
        others = choice.without(role)
        if entry.version == others.default:
            hint = "" if model in plan.models else " (the highest; `promote` names another)"
            raise RegistryError(f"Version {version} of {model!r} is the default{hint}; try another one.")
        for other, taken in others.trials.items():
            if entry.version == taken:
                raise RegistryError(f"Version {version} of {model!r} is the {other}; end that first.")
        change = {CANARY: replace(others, canary=version, share=share), SHADOW: replace(others, shadow=version)}
        return _changed(registry, plan, model, change[role])


def _newest(registry: Registry, model: str) -> Entry:
    """The highest version that verifies; raises RegistryError where none does."""
    entry, refused = registry.newest(model)
    if entry is None:
        raise refused[0] if refused else RegistryError(f"{registry.root} holds no version of {model!r}.")
    return entry


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


def from_document(value: object, where: str) -> Choice:
    """The choice in a document; raises RegistryError, which begins with `where`, for what is none."""
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
