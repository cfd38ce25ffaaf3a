"""One request with all that it takes: its headers, its time, its retries, its error."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from mulgam.client import errors
from mulgam.client.connections import Connections, Reply
from mulgam.client.retrying import Retrying, seconds_of

# How much longer than the service one waits oneself: its own answer, that the time is over, says more than silence.
_PATIENCE = 0.5
# What is left of a deadline may be next to nothing, which the service would call no time at all.
_LEAST = 0.001


@dataclass(frozen=True)
class Caller:
    """Calls one service.

    Args:
        connections: to it.
        retrying: when the same is sent again.
        timeout: seconds that one try may take.
        headers: of every request.
    """

    connections: Connections
    retrying: Retrying
    timeout: float
    headers: Mapping[str, str]

    def call(
        self, method: str, path: str, request_id: str, headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:  # fmt: skip
        """The answer, whose status is 200.

        Raises:
            RequestError: the service refused it.
            UnavailableError: there is no answer, or none in time.
        """

        def attempt(left: float) -> Reply:
            return self._once(method, path, request_id, headers or {}, body, max(min(self.timeout, left), _LEAST))

        return self.retrying.run(attempt)

    def _once(
        self, method: str, path: str, request_id: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Reply:
        sent = {**self.headers, **headers, "X-Request-Id": request_id, "X-Request-Timeout": f"{seconds:.3f}"}
        try:
            reply = self.connections.exchange(method, path, sent, body, seconds + _PATIENCE)
        except errors.UnavailableError as problem:
            problem.request_id = request_id
            raise
        if reply.status == 200:
            return reply
        wait = seconds_of(reply.headers.get("retry-after"))
        raise errors.from_answer(reply.status, reply.headers, reply.body, request_id, wait)


def new_request_id() -> str:
    """An id that no other request has."""
    return uuid.uuid4().hex
