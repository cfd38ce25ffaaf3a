"""One more try for a call that was lost without an answer: predictions are pure. Within a budget, so that a backend
which goes down is not run over by retries (Finagle's RetryBudget; gRPC's retry throttling, proposal A6)."""

from __future__ import annotations

# Tokens at the start and at most: a quiet service can retry, too, and a worker's death takes what was in its hands.
RESERVE = 10.0


class RetryBudget:
    """A token bucket: each call puts a share of a token in, each retry takes one out.

    Args:
        share: retries for each call, in the long run; 0: none at all.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._tokens = RESERVE if share else 0.0

    def deposit(self) -> None:
        """A call is made."""
        self._tokens = min(RESERVE, self._tokens + self._share)

    def withdraw(self) -> bool:
        """Whether a retry may be made; it counts then."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
