"""When the same request is sent again: predictions change nothing, so a lost one may be.

Sent again are 429 and 503, and what was lost before a whole answer came. Not sent again is what the service refused
for a reason that stays (4xx, 502), and what took too long: it would only take as long again, of a service that is slow
already.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from mulgam.client.errors import NO_CONNECTION, SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS, UnavailableError

T = TypeVar("T")


@dataclass(frozen=True)
class Retrying:
    """How often, and how long one waits in between.

    Args:
        tries: in all, the first one included.
        deadline: seconds for all of them with the waits between them.
        first_wait: seconds, at most, before the second try; twice as many before each further one.
        longest_wait: seconds that this grows to.
    """

    tries: int = 4
    deadline: float = 30.0
    first_wait: float = 0.1
    longest_wait: float = 5.0

    def wait(self, failed: int, retry_after: float | None) -> float:
        """Seconds until the next try, after `failed` of them.

        Drawn evenly from 0 to a bound that doubles ("full jitter": Brooker, Exponential Backoff And Jitter, 2015), so
        that callers who failed together do not come back together; on top of what the service asked for.
        """
        bound = min(self.longest_wait, self.first_wait * 2 ** (failed - 1))
        return (retry_after or 0.0) + random.uniform(0, bound)  # noqa: S311 # nosec B311 # spreads load, keeps no secret

    def run(self, attempt: Callable[[float], T]) -> T:
        """What `attempt` gives, which is told how many seconds are left.

        Raises:
            ClientError: the last one that `attempt` raised, where another try is senseless or past the deadline.
        """
        ends = time.monotonic() + self.deadline
        failed = 0
        while True:
            try:
                return attempt(ends - time.monotonic())
            except UnavailableError as problem:
                failed += 1
                if failed >= self.tries or not _may_pass(problem):
                    raise
                wait = self.wait(failed, problem.retry_after)
                if time.monotonic() + wait >= ends:
                    raise
                time.sleep(wait)


def seconds_of(retry_after: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or until a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _may_pass(problem: UnavailableError) -> bool:
    return problem.status in (TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE) or problem.code == NO_CONNECTION
