"""TorchServe's own keys: it makes new ones at each start and asks for them on every interface.

They keep others on this machine from its gRPC listeners, which can't be switched off and would otherwise let
anyone on loopback unload a model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

FILE_NAME = "key_file.json"
Interface = Literal["inference", "management"]


class TorchServeKeys:
    """Reads the keys of the TorchServe that works in a folder.

    Args:
        folder: its working folder.
        interface: which of its interfaces is called.
    """

    def __init__(self, folder: Path, interface: Interface) -> None:
        self._path = folder / FILE_NAME
        self._interface = interface
        self._headers: dict[str, str] | None = None

    def headers(self) -> dict[str, str]:
        """The header that opens the interface; none while TorchServe has not written its keys yet."""
        if self._headers is None:
            try:
                key = json.loads(self._path.read_text())[self._interface]["key"]
            except (OSError, ValueError, KeyError, TypeError):
                return {}
            self._headers = {"Authorization": f"Bearer {key}"}
        return self._headers

    def forget(self) -> None:
        """The key was refused: TorchServe was started anew and has written other ones."""
        self._headers = None


def is_refusal(status: int, body: bytes) -> bool:
    """Whether TorchServe refused the key (it says so with status 400)."""
    return status in (400, 401, 403) and b"InvalidKeyException" in body
