"""What a client raises; the text of each is one sentence, mostly the service's own.

ClientError              .code .status .field .request_id .retry_after
├── RequestError         what was asked is at fault: the same again would be refused again
└── UnavailableError     nothing answered, or not now: the same may be answered later
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mulgam.errors import MulgamError

# Codes of the client's own, beside those of the service (docs/http.md).
NO_CONNECTION, TIMEOUT, BAD_ANSWER = "NO_CONNECTION", "TIMEOUT", "BAD_ANSWER"
TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE = 429, 503


class ClientError(MulgamError):
    """A prediction that could not be had.

    Args:
        message: one sentence.
        code: what kind of failure, in capitals: the service's, or one of this module.
        status: of the HTTP answer; None where there was none.
        field: the place in what was asked, such as `instances[3].rooms`, counted over all rows that were given.
        request_id: finds the request in the service's log; None where it was never sent.
        retry_after: seconds that the service asks to wait.
    """

    def __init__(
        self,
        message: str,
        code: str = "",
        status: int | None = None,
        field: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.field = field
        self.request_id = request_id
        self.retry_after = retry_after


class RequestError(ClientError):
    """The service refused what was asked (4xx), or no request can be made of it."""


class UnavailableError(ClientError):
    """No connection, no answer in time, or one that says so (429, 5xx)."""


def from_answer(
    status: int, headers: Mapping[str, str], body: bytes, request_id: str, retry_after: float | None
) -> ClientError:
    """The error that an answer tells; also where something in between wrote it, such as a proxy's page.

    Args:
        status: other than 200.
        headers: by their names in lower case.
        body: the answer's.
        request_id: that was sent; the answer's own counts first.
        retry_after: seconds, where the answer names them.
    """
    document = _document(body)
    sentence, code, field = (document.get(name) for name in ("error", "code", "field"))
    kind = UnavailableError if status == TOO_MANY_REQUESTS or status >= 500 else RequestError
    return kind(
        sentence if isinstance(sentence, str) else f"The service answered {status} without saying why.",
        code if isinstance(code, str) else f"HTTP_{status}",
        status,
        field if isinstance(field, str) else None,
        headers.get("x-request-id", request_id),
        retry_after,
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
