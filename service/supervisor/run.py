"""The serving run: check → start → wait for every golden answer → watch → stop, with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import Process
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client.registry import Collector

from mulgam import serving, tensors
from mulgam.errors import MulgamError, RegistryError
from mulgam.registry import Entry, Registry
from service.metrics.files import FILES_VARIABLE
from service.process import memory
from service.process.status import Order
from service.settings import Settings
from service.supervisor.admin import AdminListener, port_taken
from service.supervisor.child import Child
from service.supervisor.follower import Follower
from service.supervisor.gateway_process import GatewayProcess
from service.supervisor.gpu_metrics import GpuMetrics
from service.supervisor.greeting import greeting
from service.supervisor.output import Output
from service.supervisor.overview import Overview
from service.supervisor.shared_folder import SharedFolder
from service.supervisor.torchserve import GRACE, TorchServe, check_installed
from service.supervisor.torchserve_metrics import TorchServeMetrics
from service.versions.served import check_has_onnx

log = logging.getLogger(__name__)


class Supervisor:
    """Serves what the registry holds.

    Args:
        settings: of this service.

    Raises:
        MulgamError: there is nothing to serve, or a port is taken.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        registry = self._registry = settings.models
        plan = serving.read(registry)
        self._entries = _resolve(registry, plan, settings)
        self._order = _first_order(plan, self._entries)
        _check_port(settings.host, settings.port, "PORT")
        if settings.grpc_port:
            _check_port(settings.host, settings.grpc_port, "MULGAM_GRPC_PORT")
        self._overview = Overview(tuple(self._entries), settings.startup_timeout, settings.gateways)
        self._folder = Path(tempfile.mkdtemp(prefix="mulgam-"))
        self._torchserve: TorchServe | None = None
        # TorchServe in a container of its own works in a folder that both share.
        shared = settings.torchserve_folder if settings.backend == "torchserve" else ""
        self._shared = SharedFolder(Path(shared)) if shared else None
        # Short: Unix sockets have short names.
        self._torchserve_folder = self._shared.torchserve if self._shared is not None else self._folder / "ts"
        self._output = Output()
        self._tasks: list[asyncio.Task[Any]] = []
        # What the gateways are told at the end: SIGTERM takes the drain delay, SIGINT does not.
        self._last_signal = signal.SIGINT

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM.

        Raises:
            MulgamError: a process or a model did not come up.
        """
        stop = asyncio.Event()
        children: list[Child] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._asked, number, stop, children)
        admin: AdminListener | None = None
        try:
            # The folder must be there before anything that counts in it is imported or asked.
            (self._folder / "metrics").mkdir()
            os.environ[FILES_VARIABLE] = str(self._folder / "metrics")
            admin = AdminListener(self._overview, self._settings, self._collectors())
            admin.start()
            children += await self._children()
            first_ends = [self._spawn(child.keep()) for child in children]
            await self._until_ready(stop, children)
            if not stop.is_set():
                self._overview.started = True
                self._spawn(self._follower.watch())
                memory.settle()
                print(greeting(self._settings, list(self._entries.values())), flush=True)
                await asyncio.wait([self._spawn(stop.wait()), *first_ends], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._overview.stopping = True
            # The gateways finish their requests before TorchServe ends.
            await asyncio.gather(*(child.stop(self._last_signal) for child in _gateways(children)))
            for child in children:
                await child.stop()
            if self._shared is not None:
                self._shared.dismiss()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if admin is not None:
                admin.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _asked(self, number: int, stop: asyncio.Event, children: list[Child]) -> None:
        """A signal has come: SIGTERM drains where there is something to drain; Ctrl-C, or a second one, does not."""
        if number == signal.SIGTERM and self._overview.is_ready and not stop.is_set():
            self._last_signal = signal.SIGTERM
        elif stop.is_set():
            for child in _gateways(children):
                child.send(signal.SIGINT)
        stop.set()

    def _collectors(self) -> list[Collector]:
        """What has figures of its own."""
        torchserve = [TorchServeMetrics(self._torchserve_folder)] if self._settings.backend == "torchserve" else []
        return [*torchserve, GpuMetrics()]

    async def _children(self) -> list[Child]:
        """Everything that is kept running, in the order of starting."""
        children = []
        order = self._order
        socket_path: Path | None = None
        if self._settings.backend == "torchserve":
            self._torchserve = TorchServe(
                self._torchserve_folder, self._settings, order.versions, _widest_row(self._entries.values())
            )
            socket_path = self._torchserve.inference
            if self._shared is None:
                check_installed()
                self._torchserve_folder.mkdir()
                await self._torchserve.prepare()
                children.append(Child("torchserve", self._launch_torchserve, GRACE))
            else:
                await self._shared.cleared(2 * GRACE)
                await self._torchserve.prepare()
                self._shared.order()
        gateways = [
            GatewayProcess(index, self._settings, order, socket_path, self._overview)
            for index in range(self._settings.gateways)
        ]
        for gateway in gateways:
            self._spawn(gateway.watch())
        self._follower = Follower(
            self._registry, order, self._overview, gateways, self._torchserve, self._settings.request_timeout + 1
        )
        return [*children, *(gateway.child for gateway in gateways)]

    async def _launch_torchserve(self) -> Process:
        assert self._torchserve is not None
        process = await self._torchserve.launch()
        assert process.stdout is not None
        self._spawn(self._output.relay(process.stdout))
        return process

    async def _until_ready(self, stop: asyncio.Event, children: list[Child]) -> None:
        """Wait for every model's golden answers, for a stop, or for what makes waiting senseless."""
        deadline = asyncio.get_running_loop().time() + self._settings.startup_timeout
        while not stop.is_set() and not self._overview.is_ready:
            # A process that dies once may have had bad luck; three times, it will not come up.
            dying = next((child for child in children if child.restarts >= 3), None)
            if dying is not None:
                raise MulgamError(f"{dying.name} does not come up.{self._output.last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                causes = "; ".join(f"{name}: {state.cause}" for name, state in self._overview.states().items())
                raise MulgamError(
                    f"Not ready within {self._settings.startup_timeout:g} s ({causes}).{self._output.last_words()}"
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.05)

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.append(task)
        return task


def _gateways(children: Iterable[Child]) -> list[Child]:
    return [child for child in children if child.name != "torchserve"]


def _resolve(registry: Registry, plan: serving.Plan, settings: Settings) -> dict[str, Entry]:
    """What is to be served; what was refused is said."""
    entries, refused = serving.resolve(registry, plan)
    if settings.backend == "onnxruntime":
        entries, lacking = _with_onnx(entries, settings.precision)
        refused += lacking
    for problem in refused:
        log.error("refused: %s", problem)
    if not entries:
        found = "no version in it verifies and can be run here" if refused else "it holds no model"
        raise MulgamError(f"There is nothing to serve from {registry.root}: {found}. Run `make train` first.")
    return entries


def _first_order(plan: serving.Plan, entries: Mapping[str, Entry]) -> Order:
    """The defaults alone: canaries and shadows are taken up by the follower, and none of them can hinder the start."""
    return Order(plan.generation, {
        model: replace(plan.models.get(model, serving.Choice(entry.version)), default=entry.version)
        for model, entry in entries.items()
    }).defaults()  # fmt: skip


def _with_onnx(entries: Mapping[str, Entry], precision: str) -> tuple[dict[str, Entry], list[RegistryError]]:
    """The versions that the gateway can compute itself, and why it can't compute the others."""
    able, lacking = {}, []
    for model, entry in entries.items():
        try:
            check_has_onnx(entry, precision)
            able[model] = entry
        except RegistryError as problem:
            lacking.append(problem)
    return able, lacking


def _widest_row(entries: Iterable[Entry]) -> int:
    """Bytes of one row as tensors, in the model that has the most."""
    return max(
        sum(tensors.DTYPES[one.datatype].itemsize * math.prod(one.shape[1:]) for one in entry.signature.inputs)
        for entry in entries
    )


def _check_port(host: str, port: int, variable: str) -> None:
    """Refuse a taken port here: the gateway's listener shares its port with others of its kind."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as problem:
        raise MulgamError(f"{host!r} is no address of this machine; set HOST=….") from problem
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as problem:
            raise port_taken(host, port, variable, problem) from problem
