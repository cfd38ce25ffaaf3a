"""`python -m service.beside`: TorchServe in a container of its own, beside the one with supervisor and gateway.

Both share the folder MULGAM_TORCHSERVE_FOLDER, nothing else: there the supervisor lays archives and configuration, and
says when to start; there TorchServe makes its sockets. Java that dies is started anew. A SIGTERM, which both containers
get at once, is answered only when the supervisor has no more use for TorchServe: requests in hand are finished first.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path

from mulgam import trust
from mulgam.errors import MulgamError
from service.settings import Settings, from_environment
from service.supervisor.child import Child
from service.supervisor.output import Output
from service.supervisor.shared_folder import LOOK_SECONDS, SharedFolder
from service.supervisor.torchserve import GRACE, TorchServe, check_installed
from service.telemetry import logs

log = logging.getLogger(__name__)


class Beside:
    """Runs TorchServe for as long as it is ordered.

    Args:
        settings: of the service, the same in both containers.
    """

    def __init__(self, settings: Settings) -> None:
        self._shared = SharedFolder(Path(settings.torchserve_folder))
        self._torchserve = TorchServe(self._shared.torchserve, settings, ())
        self._output = Output()
        self._relays: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until a stop is asked for and nothing is ordered any more."""
        while True:
            order = self._shared.ordered()
            if order is not None:
                await self._serve(order)
            elif stop.is_set():
                return
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _serve(self, order: str) -> None:
        """TorchServe, until this order is taken back or replaced."""
        with self._shared.running():
            child = Child("torchserve", self._launch, GRACE)
            kept = asyncio.create_task(child.keep())
            while self._shared.ordered() == order:
                await asyncio.sleep(LOOK_SECONDS)
            await child.stop()
            await kept

    async def _launch(self) -> Process:
        process = await self._torchserve.launch()
        assert process.stdout is not None
        relay = asyncio.create_task(self._output.relay(process.stdout))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)
        return process


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Beside(settings).run(stop)


def main() -> int:
    """0 after a clean stop, 1 with a sentence where TorchServe can't be run."""
    try:
        settings = from_environment()
        if not settings.torchserve_folder:
            raise MulgamError("MULGAM_TORCHSERVE_FOLDER must name the folder that both containers share.")
        trust.of(settings.trusted_keys)  # for its error, before a worker has it
        logs.configure(settings)
        check_installed()
        asyncio.run(_run(settings))
    except MulgamError as problem:
        print(f"mulgam torchserve: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
