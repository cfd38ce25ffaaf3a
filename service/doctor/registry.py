"""The registry: it opens, what is to be served is complete and unaltered, and a run could publish into it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from service.doctor.findings import Finding, failure, ok, warning
from service.doctor.situation import Situation

if TYPE_CHECKING:
    from mulgam.registry import Registry
    from mulgam.serving import Plan

CHECK = "registry"


def check(situation: Situation) -> Iterator[Finding]:
    """Plan, versions with their checksums, permissions."""
    if situation.settings is None:
        return
    from mulgam import serving
    from mulgam.errors import RegistryError

    root = situation.settings.registry
    try:
        registry = situation.settings.models
    except RegistryError as problem:
        yield failure(CHECK, str(problem), "Correct what MULGAM_TRUSTED_KEYS names (docs/how-to/secure.md).")
        return
    if root.exists() and not root.is_dir():
        yield failure(CHECK, f"{root} is no folder", "Name another one: REGISTRY=….")
        return
    try:
        plan = serving.read(registry)
        models = registry.models()
    except RegistryError as problem:
        yield failure(CHECK, str(problem), "Remove that file: without it the highest versions are served.")
        return
    except OSError as problem:
        yield failure(CHECK, f"{root} can't be read: {problem.strerror}", "Give this user the right to read it.")
        return
    if not models:
        yield warning(CHECK, f"{root} holds no model yet", "Run `make train`; `make serve` does so by itself.")
    for model in sorted({*models, *plan.models}):
        yield _model(registry, plan, model)
    writable = next((folder for folder in (root, *root.absolute().parents) if folder.is_dir()), root)
    if not os.access(writable, os.W_OK):
        yield warning(CHECK, f"{writable} can't be written", "Training needs that; serving from it does not.")


def _model(registry: Registry, plan: Plan, model: str) -> Finding:
    """Every version of a model; the ones that are served must be good."""
    from mulgam.errors import RegistryError

    versions = registry.versions(model)
    choice = plan.models.get(model)
    bad: dict[int, str] = {}
    signers: dict[int, str] = {}
    ahead = False
    for version in sorted({*versions, *(choice.versions if choice else ())}):
        try:
            entry = registry.entry(model, version)
            if entry.signer:
                signers[version] = f", signed with the key {entry.signer}"
            ahead = ahead or entry.path.stat().st_mtime > time.time() + 60
        except RegistryError as problem:
            bad[version] = str(problem)
    served = choice.default if choice else max((one for one in versions if one not in bad), default=0)
    if served == 0 or served in bad:
        why = bad.get(served) or next(iter(bad.values()), "there is none")
        return failure(
            CHECK, f"{model}: {why}", f"Serve another version (`mulgam promote {model} VERSION`), or train it again."
        )
    if bad:
        number, why = next(iter(bad.items()))
        return warning(
            CHECK, f"{model}: version {served} is good; {why}",
            f"Restore version {number} of {model}, or remove its folder.",
        )  # fmt: skip
    if ahead:
        return warning(
            CHECK,
            f"{model}: a version was published in the future",
            "Set this machine's clock, or that of the trainer.",
        )
    return ok(
        CHECK, f"{model}: version {served} is served{signers.get(served, '')}; {len(versions)} complete and unaltered"
    )
