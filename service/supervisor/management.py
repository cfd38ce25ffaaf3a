"""TorchServe's management interface on its private socket: register and unregister packed versions."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import quote, urlencode

from mulgam.errors import MulgamError
from service.backends.torchserve_keys import TorchServeKeys, is_refusal
from service.supervisor.unix_http import UnixConnection


class Management:
    """Blocking calls; each opens a connection of its own.

    Args:
        path: of the management socket, in TorchServe's working folder.
        timeout: seconds for one call: a registration waits for its workers.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._keys = TorchServeKeys(path.parent, "management")

    def register(self, archive: str, workers: int) -> None:
        """Load an archive of the store and wait for its workers.

        Raises:
            MulgamError: TorchServe could not, and why.
        """
        query = urlencode({"url": archive, "initial_workers": workers, "synchronous": "true"})
        status, body = self._call("POST", f"/models?{query}")
        # 409: a registration that an earlier try has made.
        if status not in (200, 409):
            raise MulgamError(f"TorchServe does not load {archive} (status {status}): {_short(body)}")

    def unregister(self, model: str, version: int) -> None:
        """Unload a version; one that is the default for its model first gives that to the newest.

        Raises:
            MulgamError: TorchServe could not, and why.
        """
        status, body = self._call("DELETE", f"/models/{quote(model)}/{version}")
        if status not in (200, 404):
            raise MulgamError(f"TorchServe does not unload version {version} of {model} ({status}): {_short(body)}")

    def make_default(self, model: str, version: int) -> None:
        """Make a version the one that the path without a version means (the old one can't go before).

        Raises:
            MulgamError: TorchServe could not, and why.
        """
        status, body = self._call("PUT", f"/models/{quote(model)}/{version}/set-default")
        if status != 200:
            raise MulgamError(f"TorchServe does not take version {version} of {model} ({status}): {_short(body)}")

    def _call(self, method: str, target: str) -> tuple[int, bytes]:
        status, body = self._exchange(method, target)
        if is_refusal(status, body):
            self._keys.forget()
            status, body = self._exchange(method, target)
        return status, body

    def _exchange(self, method: str, target: str) -> tuple[int, bytes]:
        connection = UnixConnection(self._path, self._timeout)
        try:
            connection.request(method, target, headers=self._keys.headers())
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException) as problem:
            raise MulgamError(f"TorchServe's management does not answer: {problem}") from problem
        finally:
            connection.close()


def _short(body: bytes) -> str:
    return " ".join(body.decode("utf-8", "replace").split())[:300]
