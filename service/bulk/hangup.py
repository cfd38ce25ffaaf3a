"""Closing a client's connection, for which granian has no way: without it a client that does not read would keep
its connection, and what is buffered for it, for as long as it likes."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

_DESCRIPTORS = "/proc/self/fd"


def hang_up(client: str) -> bool:
    """Shut down the connection whose peer is `client` ("address:port"); False where it is not found."""
    host, _, port = client.rpartition(":")
    wanted = (host.strip("[]").removeprefix("::ffff:"), port)
    with contextlib.suppress(OSError):
        for name in os.listdir(_DESCRIPTORS):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.stat(int(name)).st_mode) and _shut_down(int(name), wanted):
                    return True
    return False


def _shut_down(descriptor: int, wanted: tuple[str, str]) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as one:
        if one.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        address = one.getpeername()
        if (address[0].removeprefix("::ffff:"), str(address[1])) != wanted:
            return False
        one.shutdown(socket.SHUT_RDWR)
        return True
