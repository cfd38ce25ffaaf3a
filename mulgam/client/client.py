"""The client: what a caller sees."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any
from urllib.parse import quote

import numpy as np

from mulgam.client import frames, own_json, tables
from mulgam.client.answers import Found, bad_answer
from mulgam.client.asking import Asker, Question
from mulgam.client.calling import Caller, new_request_id
from mulgam.client.connections import Connections
from mulgam.client.descriptions import Descriptions
from mulgam.client.errors import UnavailableError
from mulgam.client.retrying import Retrying
from mulgam.signature import Signature

# As the service echoes it (docs/http.md), with room for the pieces' numbers.
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,47}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Model:
    """A model that is served, as `GET /models` tells it; `digest` is that of the version's files."""

    name: str
    version: int
    task: str
    description: str
    synthetic: bool
    digest: str
    runtime: str
    ready: bool


@dataclass(frozen=True)
class Answer:
    """One request's answer as it came: JSON values, and which version and which files computed them."""

    predictions: list[Any]
    version: int
    digest: str
    request_id: str


class Client:
    """A client of one service; threads may share it.

    Args:
        url: of the service, with the path where a proxy serves it below one.
        api_key: where the service wants one.
        timeout: seconds that one request may take; the service is told, and gives up then, too.
        deadline: seconds that a request may take with all its retries and the waits between them.
        tries: of a request, the first one included; 1 means no retry.
        connections: requests under way at a time where a table needs several, and connections that are kept.
        rows_per_request: most rows of one request; a longer table is several.
        tls: for https, where the system's certificates are not the right ones.

    Raises:
        ValueError: an argument is none of what it may be.

    Examples:
        >>> client = Client("http://127.0.0.1:8000", timeout=5)
        >>> client
        Client('http://127.0.0.1:8000')
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        deadline: float = 30.0,
        tries: int = 4,
        connections: int = 4,
        rows_per_request: int = 2048,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if api_key is not None and not _HEADER_VALUE.fullmatch(api_key):
            raise ValueError("api_key must consist of visible ASCII characters.")
        for name, value, least in (
            ("tries", tries, 1), ("connections", connections, 1), ("rows_per_request", rows_per_request, 1),
        ):  # fmt: skip
            if value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}.")
        if not 0 < timeout < float("inf") or not 0 < deadline < float("inf"):
            raise ValueError("timeout and deadline must be seconds above 0.")
        self._connections = Connections(url, connections, tls)
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._caller = Caller(self._connections, Retrying(tries, deadline), timeout, headers)
        self._descriptions = Descriptions(self._caller)
        self._asker = Asker(self._caller, self._descriptions, rows_per_request, connections)

    def predict(
        self,
        model: str,
        rows: Any,
        *,
        version: int | None = None,
        request_id: str | None = None,
        canary_key: str | None = None,
    ) -> Any:
        """What the model predicts for each row.

        Args:
            model: its name.
            rows: a list of rows (`{"area": 32, …}`, `[32, 3, 0.3]`, or a text), a dict of columns, a pandas DataFrame,
                anything else with named columns, or a numpy array [N, F] with columns in the signature's order. A
                missing value is None, NaN or pandas' NA.
            version: another one than the default; it must be served.
            request_id: to find the request in the service's log; made where it is not given.
            canary_key: the same key gets the same version while there is a canary (a user's id); else chance decides.

        Returns:
            float32 [N] for a regression, labels [N] (str) for a classification, float32 [N, …] for a model of tensors;
            for a pandas DataFrame or Series of rows a Series with its index, where that is one value for each row.

        Raises:
            RequestError: a row, the model's name or the key was refused, or no request can be made of the rows.
            UnavailableError: there was no answer within the deadline.
        """
        found = self._found(model, rows, False, version, request_id, canary_key)
        index = frames.index_of(rows)
        if index is None or found.values.ndim > 1:
            return found.values
        return frames.series(found.values, index, model)

    def predict_proba(
        self,
        model: str,
        rows: Any,
        *,
        version: int | None = None,
        request_id: str | None = None,
        canary_key: str | None = None,
    ) -> Any:
        """The probability of each class, for each row; the arguments are those of `predict`.

        Returns:
            float32 [N, K], classes in the order of `signature(model).target.classes`; for pandas rows a DataFrame with
            a column for each class.

        Raises:
            RequestError: as `predict`; or the model is no classifier (`NO_PROBABILITIES`).
            UnavailableError: there was no answer within the deadline.
        """
        found = self._found(model, rows, True, version, request_id, canary_key)
        index = frames.index_of(rows)
        return found.values if index is None else frames.frame(found.values, index, found.classes)

    def ask(
        self, model: str, instances: Sequence[Any], *, version: int | None = None, probabilities: bool = False
    ) -> Answer:
        """One request of JSON as it is, and its whole answer: for those who keep which version and files answered.

        Raises:
            RequestError: it was refused.
            UnavailableError: there was no answer within the deadline.
        """
        identifier = new_request_id()
        path = Question(model, version, probabilities, identifier, identifier).json_path
        headers = {"Content-Type": own_json.CONTENT_TYPE}
        reply = self._caller.call("POST", path, identifier, headers, own_json.body(list(instances)))
        document = own_json.document(reply.body)
        try:
            return Answer(
                document["predictions"], document["version"],
                reply.headers["x-model-digest"], reply.headers["x-request-id"],
            )  # fmt: skip
        except KeyError as problem:
            raise bad_answer(f"lacks {problem}") from problem

    def models(self) -> list[Model]:
        """The models that are served; raises ClientError."""
        listed = self._descriptions.get("/models").get("models")
        names = [item.name for item in fields(Model)]
        try:
            return [Model(**{name: one[name] for name in names}) for one in listed or []]
        except (KeyError, TypeError) as problem:
            raise bad_answer("lists no models") from problem

    def signature(self, model: str) -> Signature:
        """What a model takes and gives, in the version that is served by default now.

        Raises:
            RequestError: there is no such model.
            UnavailableError: there was no answer.
        """
        return self._descriptions.present(model).signature

    def ready(self, model: str | None = None) -> bool:
        """Whether the service (or one of its models) answers rightly now; False where nothing answers. No retries."""
        path = "/v2/health/ready" if model is None else f"/v2/models/{quote(model, safe='')}/ready"
        try:
            reply = self._connections.exchange("GET", path, self._caller.headers, None, self._caller.timeout)
        except UnavailableError:
            return False
        return reply.status == 200

    def close(self) -> None:
        """Close the kept connections; another call opens them again."""
        self._connections.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connections.url!r})"

    def _found(
        self,
        model: str,
        given: Any,
        probabilities: bool,
        version: int | None,
        request_id: str | None,
        canary_key: str | None,
    ) -> Found:
        rows = tables.read(given)
        identifier = _identifier(request_id)
        if canary_key is not None and not _HEADER_VALUE.fullmatch(canary_key):
            raise ValueError("canary_key must consist of visible ASCII characters.")
        if not len(rows):
            return _nothing(self.signature(model), probabilities)
        question = Question(model, version, probabilities, identifier, canary_key or identifier)
        return self._asker.ask(question, rows)


def _identifier(given: str | None) -> str:
    """A request id; raises ValueError where the given one is none."""
    if given is None:
        return new_request_id()
    if not _REQUEST_ID.fullmatch(given):
        raise ValueError(f"{given!r} is no request id: at most 48 letters, digits, '.', '_', ':', '-'.")
    return given


def _nothing(signature: Signature, probabilities: bool) -> Found:
    """The predictions of a table without rows."""
    classes = signature.target.classes
    if probabilities:
        return Found(np.empty((0, len(classes)), dtype=np.float32), classes)
    if classes:
        return Found(np.empty(0, dtype=np.str_))
    return Found(np.empty((0, *signature.output.shape[1:]), dtype=np.float32))
