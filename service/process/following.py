"""Taking over other versions while serving: verified and golden-replayed beside the old ones, then swapped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from mulgam.errors import MulgamError
from mulgam.registry import Registry
from mulgam.serving import CANARY, SHADOW, Choice
from service.plane import DataPlane
from service.versions.served import Catalogue, LineUp, Served

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


async def adopt(plane: DataPlane, registry: Registry, choices: Mapping[str, Choice], runtime: str) -> dict[str, str]:
    """Serve these versions; a bad default is refused and what was served before serves on; a bad canary or shadow
    is left out.

    Args:
        plane: what is served now.
        registry: where the versions are.
        choices: model -> its versions, one for each role; a model that is not named stays as it is.
        runtime: that computes them.

    Returns:
        model, or "model role", -> why its version was refused.
    """
    refused: dict[str, str] = {}
    now = dict(plane.catalogue.line_ups)

    async def find(model: str, version: int, what: str) -> Served | None:
        """The version, loaded now where it was not served yet; None where it is refused."""
        known = now[model].versions.get(version) if model in now else None
        try:
            return known or await _accepted(plane, registry, model, version, runtime)
        except MulgamError as problem:
            refused[what] = str(problem)
            log.error("version %d of %s is refused: %s", version, what, problem)
            return None

    for model, choice in choices.items():
        default = await find(model, choice.default, model)
        if default is None:
            continue
        tried = {role: await find(model, version, f"{model} {role}") for role, version in choice.trials.items()}
        now[model] = LineUp(default, tried.get(CANARY), choice.share, tried.get(SHADOW))
    for old in plane.follow(Catalogue(now.values())):
        log.info("%s: version %d is served no more", old.name, old.version)
        _retire(plane, old)
    return refused


async def _accepted(plane: DataPlane, registry: Registry, model: str, version: int, runtime: str) -> Served:
    """A version that verifies, loads and gives all its golden answers; else MulgamError."""
    loop = asyncio.get_running_loop()
    entry = await loop.run_in_executor(None, registry.entry, model, version)
    served = await loop.run_in_executor(None, Served, entry, entry.runtime(runtime), plane.settings.precision)
    await plane.backend.prepare(served)
    state = await plane.readiness.verdict(served, entry.golden)
    if not state.ready:
        await _let_go(plane, served)
        raise MulgamError(f"its golden requests are not answered rightly ({state.cause})")
    log.info("%s: version %d is served from now on", model, version, extra={"digest": served.digest})
    return served


def _retire(plane: DataPlane, served: Served) -> None:
    """Let a version go once no request can be under way with it; if it comes back meanwhile, it is loaded anew."""

    async def release() -> None:
        quiet = 0.0
        while quiet <= plane.settings.request_timeout:
            await asyncio.sleep(_LOOK_SECONDS)
            quiet = 0.0 if plane.holds(served) else quiet + _LOOK_SECONDS
        await _let_go(plane, served)

    task = asyncio.get_running_loop().create_task(release(), name="retire")
    _RETIRING.add(task)
    task.add_done_callback(_RETIRING.discard)


async def _let_go(plane: DataPlane, served: Served) -> None:
    plane.forget(served)
    await plane.backend.release(served)


# The loop keeps weak references to tasks only.
_RETIRING: set[asyncio.Task[None]] = set()
