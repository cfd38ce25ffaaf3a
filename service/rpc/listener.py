"""The gRPC listener of a gateway process, on the same event loop as everything else."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc

from mulgam.errors import MulgamError
from service.plane import DataPlane
from service.rpc.calls import Calls, handlers

_THREADS = 4


class Listener:
    """Serves V2 over gRPC; several gateways share the port, as they share the HTTP one.

    Args:
        plane: what is served.
    """

    def __init__(self, plane: DataPlane) -> None:
        settings = plane.settings
        self._address = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._address += f":{settings.grpc_port}"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="grpc")
        self._server = grpc.aio.server(
            # Beyond this the library itself answers RESOURCE_EXHAUSTED, before it reads a message.
            maximum_concurrent_rpcs=settings.max_inflight,
            options=(
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", settings.max_body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", 16384),
            ),
        )
        self._server.add_generic_rpc_handlers((handlers(Calls(plane, self._threads)),))

    async def start(self) -> None:
        """Answer from now on.

        Raises:
            MulgamError: the port can't be opened.
        """
        try:
            port = self._server.add_insecure_port(self._address)
        except RuntimeError:
            port = 0
        if not port:
            raise MulgamError(f"The gRPC port {self._address} can't be opened; choose another: MULGAM_GRPC_PORT=….")
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Take no new call, finish those that are under way within so many seconds."""
        await self._server.stop(grace)
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
