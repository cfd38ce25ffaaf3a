"""What the gateway and its worker tell each other: pickles, with large buffers beside them uncopied (PEP 574).

Only ever between a process and the child that it started itself, over a socket pair that nobody else can reach. A
served version is told once and goes by its name from then on: its signature may list thousands of categories.
"""

from __future__ import annotations

import io
import pickle  # nosec B403 # see above
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from service.versions.served import Served

_PROTOCOL = 5
# Versions that both sides know; at one more both forget all of them.
_MOST_KNOWN = 32

Name = tuple[str, int, str]


class Known:
    """The served versions that the other side has as well; both keep the same."""

    def __init__(self) -> None:
        self._by_name: dict[Name, Served] = {}

    def __contains__(self, served: Served) -> bool:
        return name_of(served) in self._by_name

    def __getitem__(self, name: Name) -> Served:
        return self._by_name[name]

    def add(self, served: Served) -> None:
        """From now on it goes by its name."""
        if len(self._by_name) >= _MOST_KNOWN:
            self._by_name.clear()
        self._by_name[name_of(served)] = served


def name_of(served: Served) -> Name:
    """What a version goes by."""
    return served.name, served.version, served.digest


def uncopied(value: Any) -> Any:
    """Bytes so that they are sent beside the pickle; anything else as it is."""
    return pickle.PickleBuffer(value) if isinstance(value, bytes) else value


def send(connection: Connection, message: object) -> None:
    """Send a message, in it versions by their names; raises OSError where the other side is gone."""
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    _Pickler(file, buffers.append).dump(message)
    connection.send_bytes(len(buffers).to_bytes(4, "little") + file.getvalue())
    for buffer in buffers:
        connection.send_bytes(buffer.raw())


def receive(connection: Connection, known: Known) -> Any:
    """The next message; raises EOFError or OSError where the other side is gone."""
    whole = connection.recv_bytes()
    buffers = [connection.recv_bytes() for _ in range(int.from_bytes(whole[:4], "little"))]
    return _Unpickler(io.BytesIO(memoryview(whole)[4:]), buffers, known).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, put: Callable[[pickle.PickleBuffer], object]) -> None:
        super().__init__(file, _PROTOCOL, buffer_callback=put)

    def persistent_id(self, obj: Any) -> Name | None:
        return name_of(obj) if isinstance(obj, Served) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, buffers: list[bytes], known: Known) -> None:
        super().__init__(file, buffers=buffers)
        self._known = known

    def persistent_load(self, pid: Any) -> Served:
        return self._known[pid]
