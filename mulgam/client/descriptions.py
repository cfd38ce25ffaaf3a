"""What the service tells of its models; the default version of each is asked for once, until another one answers."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mulgam import signature as signatures
from mulgam.client import own_json
from mulgam.client.answers import bad_answer
from mulgam.client.calling import Caller, new_request_id
from mulgam.errors import RegistryError
from mulgam.signature import Signature


@dataclass(frozen=True)
class Described:
    """The version of a model that is served by default."""

    version: int
    digest: str
    signature: Signature


class Descriptions:
    """The models of the service that `caller` calls. Thread-safe."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._known: dict[str, Described] = {}
        self._lock = threading.Lock()

    def known(self, model: str) -> Described:
        """A model as it was when it was last asked for; raises as `present`."""
        with self._lock:
            described = self._known.get(model)
        return described or self.present(model)

    def present(self, model: str) -> Described:
        """A model as it is now.

        Raises:
            RequestError: there is no such model.
            UnavailableError: there was no answer, or none that describes a model.
        """
        document = self.get(f"/models/{quote(model, safe='')}")
        try:
            signature = signatures.parse(document["signature"])
            described = Described(document["version"], document["digest"], signature)
        except (KeyError, AttributeError, RegistryError) as problem:
            raise bad_answer("is no description of a model") from problem
        with self._lock:
            self._known[model] = described
        return described

    def forget(self, model: str) -> None:
        """Ask for a model again when it is next needed: another version answered."""
        with self._lock:
            self._known.pop(model, None)

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at a path; raises RequestError or UnavailableError."""
        return own_json.document(self._caller.call("GET", path, new_request_id()).body)
