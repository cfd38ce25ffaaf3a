"""Errors as callers see them: one shape on every path, a status and a code for each.

`{"error": "<one sentence>", "code": "WRONG_TYPE", "field": "instances[3].rooms", "request_id": "…"}`.
`error` is a string because V1 and V2 clients read it so. Codes and statuses: `docs/http.md`.

ApiError            anything that ends a request early
└── BackendError    the backend did not give an answer that may be passed on
    └── BackendLost the call was lost, or its answer on the way, by no fault of its own: another try may be answered
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from mulgam.errors import InputError, MulgamError


class ApiError(MulgamError):
    """A request that ends with an error answer; the text is its one sentence, without internals."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.code, str(self), self.field, self.headers), self.__dict__

    def document(self, request_id: str) -> dict[str, str]:
        """The answer's JSON object."""
        document = {"error": str(self), "code": self.code, "request_id": request_id}
        if self.field is not None:
            document["field"] = self.field
        return document


class BackendError(ApiError):
    """502, 503 or 504: the backend's fault or absence, never the caller's."""


class BackendLost(BackendError):
    """503: nobody took the call, or whoever did is gone; no byte of an answer came. 502: what came is no whole answer.

    `elsewhere` where other servers are there that may take it: the backend as a whole is not in doubt.
    """

    elsewhere = False


def backend_unavailable(model: str) -> BackendError:
    """503: nothing is there to compute the answer."""
    return BackendError(
        503,
        "MODEL_UNAVAILABLE",
        f"The model {model!r} can't answer at the moment; try again shortly.",
        headers={"Retry-After": "1"},
    )


def backend_lost(model: str, *, elsewhere: bool = False) -> BackendError:
    """503: the call was lost."""
    same = backend_unavailable(model)
    lost = BackendLost(same.status, same.code, str(same), headers=same.headers)
    lost.elsewhere = elsewhere
    return lost


def answer_broken(*, elsewhere: bool = False) -> BackendError:
    """502: a part of an answer came, or bytes that are none."""
    same = bad_backend()
    broken = BackendLost(same.status, same.code, str(same))
    broken.elsewhere = elsewhere
    return broken


def backend_late(seconds: float) -> BackendError:
    """504: the deadline passed."""
    return BackendError(504, "DEADLINE_EXCEEDED", f"The prediction took longer than the {seconds:g} s it may take.")


def bad_backend() -> BackendError:
    """502: the backend answered something that may not be passed on."""
    return BackendError(502, "BAD_BACKEND", "The model's backend gave an answer that can't be trusted.")


def too_busy() -> ApiError:
    """503: this process has as many requests in hand as it takes."""
    return ApiError(
        503, "OVERLOADED", "The service has as many requests as it takes; try again shortly.",
        headers={"Retry-After": "1"},
    )  # fmt: skip


def service_stopping() -> ApiError:
    """503: the process ends and can't wait any longer."""
    return ApiError(
        503, "SERVICE_STOPPING", "The service is stopping; send what is left again.", headers={"Retry-After": "1"}
    )


def body_too_large(limit: int) -> ApiError:
    """413, before the body is read where its length is known."""
    return ApiError(413, "BODY_TOO_LARGE", f"The body is larger than the {limit} bytes that are taken.")


def body_too_slow(seconds: float) -> ApiError:
    """408."""
    return ApiError(408, "BODY_TOO_SLOW", f"The body did not arrive within {seconds:g} s.")


def from_input_error(problem: InputError) -> ApiError:
    """400 with the code and field of what is wrong in the request."""
    return ApiError(400, problem.code, str(problem), problem.field)


def from_status(status: int, sentence: str | None = None) -> ApiError:
    """An error of the framework (404, 405, 414, …) in the one shape."""
    known = HTTPStatus(status)
    sentences = {
        404: "There is nothing at this path.",
        405: "This path does not take that method.",
        500: "Something went wrong inside the service; the request id finds it in the log.",
        501: "That method is not known here.",
    }
    return ApiError(status, known.name, sentence or sentences.get(status) or f"{known.phrase}.")
