"""The list of error codes: distinct, and with the statuses that the code really answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from http import HTTPStatus

from service.codes import CODES, PUBLIC
from tests.processes import ROOT

STATUSES = {code.name: code.status for code in CODES}


def raised(source: str) -> Iterator[tuple[str, int]]:
    """(code, status) of each error that a source makes with both in words."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        name, first, second = getattr(node.func, "id", ""), *node.args[:2]
        if name == "InputError" and isinstance(first, ast.Constant):
            yield str(first.value), 400
        if (
            name in ("ApiError", "BackendError")
            and isinstance(first, ast.Constant)
            and isinstance(second, ast.Constant)
        ):
            yield str(second.value), int(str(first.value))


def test_each_code_is_answered_with_the_status_of_the_list() -> None:
    """Wherever it is raised."""
    files = [path for room in ("mulgam", "service") for path in (ROOT / room).rglob("*.py")]
    found = [pair for path in files for pair in raised(path.read_text(encoding="utf-8"))]
    assert len(found) > 100
    assert {pair for pair in found if STATUSES.get(pair[0]) != pair[1]} == set()


def test_another_status_would_be_noticed() -> None:
    """By position, of both kinds of error."""
    source = 'raise ApiError(409, "LOADING", "x")\nraise InputError("RAGGED", "x")\nraise OSError(5, "x")\n'
    assert list(raised(source)) == [("LOADING", 409), ("RAGGED", 400)]


def test_codes_are_distinct_and_told_in_a_clause() -> None:
    """Each stands once, with a status of HTTP and words that a table can hold."""
    assert len(STATUSES) == len(CODES)
    for code in CODES:
        assert HTTPStatus(code.status) >= 400
        assert code.meaning
        assert not set("|\n[") & set(code.meaning), code.name
        assert not code.meaning.endswith("."), code.name
    assert {code.area for code in CODES} - {code.area for code in PUBLIC} == {"grpc", "admin"}
