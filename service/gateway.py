"""One gateway process: `python -m service.gateway`, started and watched by the supervisor."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import uvloop

from mulgam.errors import MulgamError
from service import hooks, keys
from service.app import create_app
from service.backends import remote
from service.backends.base import Backend
from service.backends.oip import OipBackend
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.torchserve import TorchServeBackend, default_lanes
from service.bridge import Bridge
from service.edge import Edge
from service.http1.listener import Listener as HttpListener
from service.metrics import files as metric_files
from service.metrics.recording import Metrics
from service.offload.client import Offload
from service.plane import DataPlane, runtime_of
from service.process import descriptors, memory
from service.process.ending import Ending, finished
from service.process.line import Line
from service.settings import Settings, from_environment
from service.telemetry import logs
from service.telemetry.trace import Tracing
from service.versions.served import Catalogue, load

if TYPE_CHECKING:
    from service.rpc.listener import Listener


# The loop waits for the interpreter behind a thread that computes (a table, a large body): 5 ms each time by default.
SWITCH_SECONDS = 0.0002


def main() -> int:
    """Serve until SIGTERM, or until the supervisor is gone."""
    options = _arguments()
    try:
        settings = from_environment()
        logs.configure(settings)
        catalogue = load(settings.models, options.serve, runtime_of(settings), settings.precision)
        backend = _backend(settings, catalogue, options.torchserve)
        tracing = _tracing(settings)
        known_keys = keys.from_settings(settings)
    except MulgamError as problem:
        print(f"mulgam gateway: {problem}", file=sys.stderr)
        return 1
    metric_files.install()
    descriptors.spread()
    sys.setswitchinterval(SWITCH_SECONDS)
    plane = DataPlane(settings, catalogue, backend, Metrics(settings.drift_half_life), tracing, known_keys, Offload())
    plane.metrics.generation.set(options.generation)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(_serve(plane, Line(options.status_fd, options.generation)))
    except MulgamError as problem:  # the hook can't be used, or the gRPC port was taken meanwhile
        print(f"mulgam gateway: {problem}", file=sys.stderr)
        return 1
    return 0


async def _serve(plane: DataPlane, line: Line) -> None:
    loop = asyncio.get_running_loop()
    app = create_app(plane, Bridge(loop))
    hooks.install(app, plane.settings.app_hook)
    edge = Edge(app, plane)
    listener = HttpListener(edge, plane.settings.body_timeout, plane.settings.keep_alive)
    await listener.start(plane.settings.host, plane.settings.port)
    memory.settle()
    ending = Ending()
    loop.add_signal_handler(signal.SIGTERM, ending.drain)
    loop.add_signal_handler(signal.SIGINT, ending.hurry)
    rpc = await _rpc(plane)
    tasks = [
        loop.create_task(plane.readiness.watch(), name="readiness"),
        loop.create_task(line.report(plane, ending), name="status"),
        loop.create_task(line.obey(plane), name="orders"),
    ]
    stopping = loop.create_task(ending.asked.wait(), name="stop")
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        await ending.announced(plane)
    plane.drain()
    grace = plane.settings.grace
    in_hand = asyncio.gather(listener.finish(), *((rpc.stop(grace),) if rpc else ()), return_exceptions=True)
    await finished(in_hand, edge, grace)
    in_hand.cancel()
    for task in (*tasks, stopping):
        task.cancel()
    results = await asyncio.gather(*tasks, stopping, return_exceptions=True)
    await edge.close()
    if plane.offload is not None:
        plane.offload.close()
    await plane.backend.close()
    await loop.run_in_executor(None, plane.tracing.close)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _rpc(plane: DataPlane) -> Listener | None:
    """The gRPC listener, where there is to be one; imported only then: it takes 14 MB of memory."""
    if not plane.settings.grpc_port:
        return None
    from service.rpc.listener import Listener

    listener = Listener(plane)
    await listener.start()
    return listener


def _tracing(settings: Settings) -> Tracing:
    """Reports spans where a collector is set; OpenTelemetry is imported only then."""
    if not settings.otlp_endpoint:
        return Tracing()
    from service.telemetry.otlp import OtlpTracing

    return OtlpTracing(settings.otlp_endpoint)


def _backend(settings: Settings, catalogue: Catalogue, socket: str | None) -> Backend:
    if settings.backend == "oip":
        where = remote.from_settings(settings)
        return OipBackend(where, settings.oip_lanes, settings.oip_tensors == "binary", settings.startup_timeout)
    if socket is not None:
        workers, lanes = settings.torchserve_workers, settings.torchserve_lanes or default_lanes()
        return TorchServeBackend(socket, workers, lanes, needs_gpu=settings.device == "gpu")
    return OnnxRuntimeBackend(catalogue, settings.device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m service.gateway", description=__doc__)
    parser.add_argument("--serve", type=_versions, required=True, metavar="MODEL:VERSION,…", help="what to serve")
    parser.add_argument("--generation", type=int, default=0, help="of serving.json (default: 0, there is none)")
    parser.add_argument("--torchserve", metavar="SOCKET", help="TorchServe's inference socket (absent: in process)")
    parser.add_argument("--status-fd", type=int, required=True, help="pipe to tell the supervisor the state")
    return parser.parse_args()


def _versions(text: str) -> Mapping[str, int]:
    return {model: int(version) for model, _, version in (item.partition(":") for item in text.split(","))}


if __name__ == "__main__":
    sys.exit(main())
