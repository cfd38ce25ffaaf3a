"""Following `registry/serving.json`: pack and load what is new, tell every gateway, unload what is old."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from mulgam import serving
from mulgam.errors import MulgamError
from mulgam.registry import Registry
from mulgam.serving import Choice
from service.process.status import Order
from service.supervisor.gateway_process import GatewayProcess
from service.supervisor.overview import Overview

log = logging.getLogger(__name__)

# How often the file is looked at: one stat(2).
LOOK_SECONDS = 0.25


class Loader(Protocol):
    """What has to be done outside the gateways before and after a change (TorchServe)."""

    async def load(self, versions: Iterable[tuple[str, int]]) -> None:
        """Make these versions computable beside what is there; raises MulgamError."""
        ...

    async def unload(self, model: str, version: int, default: int | None) -> None:
        """Drop a version; `default` is the one of the same model that stays; raises MulgamError."""
        ...


class Follower:
    """Brings what is served in line with the plan, again and again.

    Args:
        registry: whose plan is followed.
        order: what is served at the start.
        overview: what the gateways tell.
        gateways: who are told.
        loader: None where the gateways compute by themselves.
        grace: seconds for which requests under way may still need an old version.
    """

    def __init__(
        self,
        registry: Registry,
        order: Order,
        overview: Overview,
        gateways: Sequence[GatewayProcess],
        loader: Loader | None,
        grace: float,
    ) -> None:
        self._registry = registry
        self._order = order
        self._overview = overview
        self._gateways = gateways
        self._loader = loader
        self._grace = grace
        # An order that is not all of the plan is followed by the rest.
        self._seen = self._stamp() if order.generation else None
        # Versions that are loaded and served no more -> when they may be unloaded.
        self._unneeded: dict[tuple[str, int], float] = {}

    async def watch(self) -> None:
        """Look at the file for ever, and unload what nobody needs any more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                try:
                    await self.follow()
                except MulgamError as problem:
                    self._overview.refused["serving.json"] = str(problem)
                    log.error("the change of serving.json is not followed: %s", problem)
                except Exception:  # a defect here must not end the following of later changes
                    log.exception("the change of serving.json is not followed")
            await self._unload()

    async def follow(self) -> None:
        """Carry out the plan as it is now.

        Raises:
            MulgamError: the plan can't be read, or what it names can't be loaded; what was served serves on.
        """
        loop = asyncio.get_running_loop()
        plan = await loop.run_in_executor(None, serving.read, self._registry)
        try:
            await self._carry_out(plan)
        except MulgamError as problem:
            self._overview.refused[serving.FILE_NAME] = str(problem)
            raise
        finally:
            self._overview.followed = plan.generation

    async def _carry_out(self, plan: serving.Plan) -> None:
        loop = asyncio.get_running_loop()
        entries, problems = await loop.run_in_executor(None, serving.resolve, self._registry, plan)
        choices, unfit = await loop.run_in_executor(None, serving.line_ups, self._registry, plan, entries)
        self._overview.refused = {"serving.json": "; ".join(map(str, problems))} if problems else {}
        for problem in (*problems, *unfit.values()):
            log.error("refused: %s", problem)
        # A model whose new version does not verify stays as it is; one of which nothing verifies any more, too.
        wanted = Order(plan.generation, {**self._order.choices, **choices})
        order, unloaded = await self._load(wanted)
        for gateway in self._gateways:
            gateway.send(order)
        await self._converged(order)
        refused = self._overview.refused_by_gateways()
        kept = Order(plan.generation, {
            model: _kept(model, choice, self._order.choices.get(model, choice), refused)
            for model, choice in order.choices.items()
        })  # fmt: skip
        self._overview.refused |= unfit | unloaded | refused
        self._retire((self._order.versions | wanted.versions) - kept.versions)
        self._order = kept
        for gateway in self._gateways:
            gateway.settle(kept)
        self._overview.models, self._overview.choices = tuple(kept.choices), kept.choices
        but = " but for what was refused" if self._overview.refused else ""
        log.info("generation %d is served%s", plan.generation, but, extra={"versions": sorted(kept.versions)})

    async def _load(self, order: Order) -> tuple[Order, dict[str, str]]:
        """Make an order's versions computable.

        Returns:
            The order without the canaries and shadows that can't be loaded; "model role" -> why not.

        Raises:
            MulgamError: a default can't be loaded.
        """
        for needed in order.versions:
            self._unneeded.pop(needed, None)
        refused: dict[str, str] = {}
        if self._loader is None:
            return order, refused
        choices = dict(order.choices)
        try:
            await self._loader.load(order.defaults().versions)
        except MulgamError:
            self._retire(order.versions - self._order.versions)
            raise
        for model, choice in order.choices.items():
            for role, version in choice.trials.items():
                try:
                    await self._loader.load([(model, version)])
                except MulgamError as problem:
                    refused[f"{model} {role}"] = str(problem)
                    log.error("refused: %s", problem)
                    choices[model] = choices[model].without(role)
        return Order(order.generation, choices), refused

    def _retire(self, versions: Iterable[tuple[str, int]]) -> None:
        if self._loader is not None:
            self._unneeded.update(dict.fromkeys(versions, time.monotonic() + self._grace))

    async def _unload(self) -> None:
        """Unload what has been served no more for the grace, and is held by no table."""
        held = self._overview.held()
        for (model, version), due in list(self._unneeded.items()):
            if self._loader is None or (model, version) in held or time.monotonic() < due:
                continue
            try:
                choice = self._order.choices.get(model)
                await self._loader.unload(model, version, None if choice is None else choice.default)
                del self._unneeded[model, version]
            except MulgamError as problem:
                self._retire([(model, version)])  # tried again later
                log.error("version %d of %s stays loaded: %s", version, model, problem)

    async def _converged(self, order: Order) -> None:
        """Wait until every gateway that speaks has carried out the order."""
        while True:
            fresh = self._overview.fresh()
            if fresh and all(status.generation == order.generation for status in fresh):
                return
            await asyncio.sleep(0.05)

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes whenever the file is replaced; None where there is none."""
        try:
            found = os.stat(self._registry.root / serving.FILE_NAME)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _kept(model: str, choice: Choice, before: Choice, refused: Mapping[str, str]) -> Choice:
    """What of a choice is served, where gateways have refused some of it."""
    if model in refused:
        return before
    for role in choice.trials:
        choice = choice.without(role) if f"{model} {role}" in refused else choice
    return choice
