"""Calls spread over several servers: every address of a name, as a headless Service of Kubernetes has them.

Kept-open connections would else all lead to one pod, and to none that is added later. Names are looked up every few
seconds; the address with the fewest calls under way is asked; one that refused or lost a call comes last for a moment.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.backends.http import ConnectionLostError, HttpClient, Reply, UnreachableError, authority

log = logging.getLogger(__name__)

Place = tuple[str, int]

RESOLVE_SECONDS = 2.0
ASIDE_SECONDS = 1.0
# Not loaded there (yet), not now, or not in time: another address may answer. More than one other is not asked, so that
# servers which are all too busy are not run over.
_ABSENT, _NOT_NOW = 404, frozenset({503, 504})
_ELSEWHERE = _NOT_NOW | {_ABSENT}


@dataclass
class _Address:
    client: HttpClient
    calls: int = 0
    aside_until: float = field(default=0.0)

    @property
    def is_aside(self) -> bool:
        return self.aside_until > time.monotonic()

    def order(self) -> tuple[bool, int]:
        """Less is better."""
        return self.is_aside, self.calls

    def put_aside(self) -> None:
        self.aside_until = time.monotonic() + ASIDE_SECONDS


class BalancedClient:
    """Calls one of several servers.

    Args:
        places: names or addresses, with ports.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._names = [place for place in places if not _is_literal(place[0])]
        self._fixed = [place for place in places if _is_literal(place[0])]
        self._addresses = {place: _Address(HttpClient(place)) for place in self._fixed}
        self.called = ", ".join(authority(*place) for place in places)
        self._due = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._turn = 0

    @property
    def is_reachable(self) -> bool:
        """Whether there is an address that has not just refused or lost a call."""
        return any(not one.is_aside for one in self._addresses.values())

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request to the address that has the least to do.

        A connection that is refused costs the caller nothing: the next address is asked. So is one other where the
        first answers that it has not got the model.

        Raises:
            ConnectionLostError: no address takes a connection; else as `HttpClient.post`.
        """
        await self._look()
        tried: set[Place] = set()
        reply: Reply | None = None
        problem = ConnectionLostError(f"{self.called} has no address")
        while (place := self._choice(tried)) is not None:
            tried.add(place)
            try:
                answer = await self._ask(self._addresses[place], target, headers, body)
            except UnreachableError as refused:
                problem, self._due = refused, 0.0
                continue
            if answer.status in _NOT_NOW:
                self._put_aside(place)
            if reply is not None or answer.status not in _ELSEWHERE:
                return answer
            reply = answer
        if reply is None:
            raise problem
        return reply

    async def each(self, target: str, headers: Mapping[str, str], body: bytes) -> dict[str, Reply | None]:
        """Send a request to every address; None of one that gives no answer."""
        await self._look()

        async def ask(one: _Address) -> Reply | None:
            try:
                return await self._ask(one, target, headers, body)
            except ConnectionLostError:
                return None

        found = dict(self._addresses)
        replies = await asyncio.gather(*map(ask, found.values()))
        return {authority(*place): reply for place, reply in zip(found, replies, strict=True)}

    async def close(self) -> None:
        """Close the kept connections, and look no more."""
        if self._looking is not None:
            self._looking.cancel()
        for one in self._addresses.values():
            await one.client.close()

    async def _ask(self, one: _Address, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        one.calls += 1
        try:
            return await one.client.post(target, headers, body)
        except BaseException:  # a caller that gave up is told by nothing else
            one.put_aside()
            raise
        finally:
            one.calls -= 1

    def _put_aside(self, place: Place) -> None:
        """An address that may have gone meanwhile."""
        if place in self._addresses:
            self._addresses[place].put_aside()

    def _choice(self, tried: set[Place]) -> Place | None:
        """The address that was not tried and has the least to do, in turn where several have."""
        places = [place for place in self._addresses if place not in tried]
        if not places:
            return None
        self._turn += 1
        start = self._turn % len(places)
        return min((*places[start:], *places[:start]), key=lambda place: self._addresses[place].order())

    async def _look(self) -> None:
        """Have the names looked up where that is due; only who has no address yet waits for it."""
        if not self._names or time.monotonic() < self._due:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._resolve(), name="resolve")
        if not self._addresses:
            await asyncio.shield(self._looking)

    async def _resolve(self) -> None:
        self._due = time.monotonic() + RESOLVE_SECONDS
        loop = asyncio.get_running_loop()
        found = [*self._fixed]
        try:
            for name, port in self._names:
                resolved = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
                found += [(str(address[0]), port) for *_, address in resolved]
        except OSError as problem:
            # A name server that is away for a moment takes nobody's addresses.
            log.warning("%s can't be looked up: %s", self.called, problem)
            return
        gone = [self._addresses.pop(place) for place in [*self._addresses] if place not in found]
        for place in found:
            if place not in self._addresses:
                self._addresses[place] = _Address(HttpClient(place))
        for one in gone:
            await one.client.close()


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
