"""Taking over other versions while serving: verified and golden-replayed beside the old ones, then swapped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from mulgam.errors import MulgamError
from mulgam.registry import Registry
from service.plane import DataPlane
from service.served import Catalogue, Served

log = logging.getLogger(__name__)


async def adopt(plane: DataPlane, registry: Registry, versions: Mapping[str, int], runtime: str) -> dict[str, str]:
    """Serve these versions; a bad one is refused and what was served before serves on.

    Args:
        plane: what is served now.
        registry: where the versions are.
        versions: model -> version; a model that is not named stays as it is.
        runtime: that computes them.

    Returns:
        model -> why its version was refused.
    """
    refused: dict[str, str] = {}
    now = {served.name: served for served in plane.catalogue}
    for model, version in versions.items():
        if model in now and now[model].version == version:
            continue
        try:
            now[model] = await _accepted(plane, registry, model, version, runtime)
        except MulgamError as problem:
            refused[model] = str(problem)
            log.error("version %d of %s is refused: %s", version, model, problem)
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
        await plane.backend.release(served)
        raise MulgamError(f"its golden requests are not answered rightly ({state.cause})")
    log.info("%s: version %d is served from now on", model, version, extra={"digest": served.digest})
    return served


def _retire(plane: DataPlane, served: Served) -> None:
    """Release a version once no request can be under way with it, unless it comes back meanwhile."""
    since = plane.retired[served.digest]

    async def release() -> None:
        await asyncio.sleep(plane.settings.request_timeout + 1)
        while plane.holds(served):
            await asyncio.sleep(1)
        if plane.retired.get(served.digest) == since:
            plane.forget(served)
            await plane.backend.release(served)

    task = asyncio.get_running_loop().create_task(release(), name="retire")
    _RETIRING.add(task)
    task.add_done_callback(_RETIRING.discard)


# The loop keeps weak references to tasks only.
_RETIRING: set[asyncio.Task[None]] = set()
