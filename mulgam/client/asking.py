"""A table's question: cut into pieces, each asked in the form that suits it, the answers in the order of the rows."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from mulgam.client import binary, own_json
from mulgam.client.answers import Found, joined
from mulgam.client.calling import Caller
from mulgam.client.connections import Reply
from mulgam.client.descriptions import Descriptions
from mulgam.client.errors import RequestError
from mulgam.client.tables import Rows

# Half of what the service takes unless it is told otherwise; it says so itself where that is still too much.
MOST_BYTES = 4 * 2**20
_PLACE = re.compile(r"\binstances\[(\d+)\]")


class _TooLarge(Exception):
    """A piece should be halved before it is sent."""


@dataclass(frozen=True)
class Question:
    """What is asked of every row of a table.

    Args:
        model: its name.
        version: None for the one that the service chooses.
        probabilities: of every class, not the label.
        request_id: of the whole table; its pieces have numbers behind it.
        canary_key: decides which version answers, the same for all pieces.
    """

    model: str
    version: int | None
    probabilities: bool
    request_id: str
    canary_key: str

    @property
    def json_path(self) -> str:
        """Of the service's own JSON."""
        return f"/predict/{self._place}" + ("?probabilities=all" if self.probabilities else "")

    @property
    def binary_path(self) -> str:
        """Of V2's binary tensors."""
        return f"/v2/models/{self._place}/infer"

    @property
    def _place(self) -> str:
        return quote(self.model, safe="") + ("" if self.version is None else f"/versions/{self.version}")


@dataclass(frozen=True)
class Piece:
    """Some rows of a table, the first of which is its row number `start`."""

    rows: Rows
    start: int
    request_id: str


@dataclass(frozen=True)
class Asker:
    """Asks the service for tables.

    Args:
        caller: of the service.
        descriptions: of its models.
        rows_per_request: most rows of a piece.
        at_once: how many pieces of a table are under way at a time.
    """

    caller: Caller
    descriptions: Descriptions
    rows_per_request: int
    at_once: int

    def ask(self, question: Question, rows: Rows) -> Found:
        """The predictions of a table that has rows.

        Raises:
            RequestError: a row was refused, or is nothing that can be sent; its place is counted over the whole table.
            UnavailableError: a piece was not answered, with all retries.
        """
        starts = range(0, len(rows), self.rows_per_request)
        if len(starts) == 1:
            return self._asked(question, Piece(rows, 0, question.request_id))
        pieces = (
            Piece(rows.cut(start, start + self.rows_per_request), start, f"{question.request_id}-{number}")
            for number, start in enumerate(starts)
        )
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="mulgam-client") as threads:
            return joined(list(threads.map(lambda piece: self._asked(question, piece), pieces)))

    def _asked(self, question: Question, piece: Piece) -> Found:
        """The predictions of a piece, in halves where it is too large."""
        try:
            found = self._by_tensors(question, piece) if piece.rows.has_columns else None
            return self._by_instances(question, piece) if found is None else found
        except _TooLarge:
            pass
        except RequestError as problem:
            if problem.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or len(piece.rows) == 1:
                raise _placed(problem, piece.start) from None
        return self._in_halves(question, piece)

    def _in_halves(self, question: Question, piece: Piece) -> Found:
        middle = len(piece.rows) // 2
        halves = (
            Piece(piece.rows.cut(0, middle), piece.start, f"{piece.request_id}a"),
            Piece(piece.rows.cut(middle, len(piece.rows)), piece.start + middle, f"{piece.request_id}b"),
        )
        return joined([self._asked(question, half) for half in halves])

    def _by_tensors(self, question: Question, piece: Piece) -> Found | None:
        """The predictions by V2's binary tensors; None where only instances can have, or explain, the answer."""
        described = self.descriptions.known(question.model)
        classes = described.signature.target.classes
        if question.version not in (None, described.version) or (question.probabilities and not classes):
            return None
        tensors = piece.rows.tensors(described.signature)
        if tensors is None:
            return None
        headers, body = binary.body(tensors, described.signature, question.probabilities)
        try:
            reply = self._posted(question, question.binary_path, piece, headers, body)
        except RequestError as problem:
            if problem.status == HTTPStatus.BAD_REQUEST:
                return None  # as instances the service can say which row and which column it is
            raise
        if reply.headers.get("x-model-digest") != described.digest:
            self.descriptions.forget(question.model)
            return None  # another version answered, whose columns may have another order
        return binary.found(reply.headers, reply.body, described.signature, len(piece.rows), question.probabilities)

    def _by_instances(self, question: Question, piece: Piece) -> Found:
        """The predictions by the service's own JSON."""
        signature = self.descriptions.known(question.model).signature if piece.rows.has_columns else None
        body = own_json.body(piece.rows.instances(signature))
        reply = self._posted(question, question.json_path, piece, {"Content-Type": own_json.CONTENT_TYPE}, body)
        predictions = own_json.document(reply.body).get("predictions")
        return own_json.found(predictions, len(piece.rows), question.probabilities)

    def _posted(self, question: Question, path: str, piece: Piece, headers: dict[str, str], body: bytes) -> Reply:
        if len(body) > MOST_BYTES and len(piece.rows) > 1:
            raise _TooLarge
        sent = {**headers, "X-Canary-Key": question.canary_key}
        return self.caller.call("POST", path, piece.request_id, sent, body)


def _placed(problem: RequestError, start: int) -> RequestError:
    """The same error with its place counted over the whole table."""

    def moved(text: str) -> str:
        return _PLACE.sub(lambda match: f"instances[{int(match[1]) + start}]", text)

    if start == 0:
        return problem
    field = moved(problem.field) if problem.field is not None else None
    return RequestError(
        moved(str(problem)), problem.code, problem.status, field, problem.request_id, problem.retry_after
    )
