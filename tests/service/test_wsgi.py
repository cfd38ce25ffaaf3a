"""From a whole request to a WSGI call and back: what the app sees, and what the caller gets of it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from service import wsgi
from service.calls import Reply

HEADERS = (("host", "a:1"), ("content-type", "text/plain"), ("x-one", "1"), ("x-two", "2"), ("x-one", "3"))


def environ(
    path: str = "/p",
    headers: Iterable[tuple[str, str]] = HEADERS,
    body: bytes = b"body",
    client: str = "127.0.0.1:5",
) -> dict[str, Any]:
    """The environ of a POST."""
    return wsgi.environ("POST", path, "a=b&c", headers, client, "http", body)


def test_the_environ_is_pep_3333s() -> None:
    """Method, path, query, headers, body and peer under the standard's names."""
    values = environ()
    expected = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/p", "QUERY_STRING": "a=b&c",
        "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "4", "HTTP_HOST": "a:1", "HTTP_X_TWO": "2",
        "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
    }  # fmt: skip
    assert {name: values[name] for name in expected} == expected
    assert values["wsgi.input"].read() == b"body"


def test_a_header_that_comes_twice_is_joined() -> None:
    """In the order of coming, by a comma (RFC 9110, 5.3)."""
    assert environ()["HTTP_X_ONE"] == "1,3"


def test_a_path_is_latin_1_of_its_utf_8_bytes() -> None:
    """As PEP 3333 wants it; bytes that are no UTF-8 arrive as they came."""
    assert environ("/predict/물감")["PATH_INFO"].encode("latin-1").decode() == "/predict/물감"
    assert environ("/\udcff")["PATH_INFO"] == "/\xff"


def test_the_length_is_that_of_the_body_that_is_here() -> None:
    """Neither a Content-Length nor a Transfer-Encoding of the caller is believed."""
    values = environ(headers=[("content-length", "99"), ("transfer-encoding", "chunked")])
    assert values["CONTENT_LENGTH"] == "4"
    assert "HTTP_TRANSFER_ENCODING" not in values


def test_another_protocol_that_is_asked_for_is_not_the_apps_affair() -> None:
    """Werkzeug would answer for a WebSocket, which nobody speaks here."""
    assert "HTTP_UPGRADE" not in environ(headers=[("upgrade", "websocket"), ("connection", "upgrade")])


def test_a_header_with_an_underscore_can_not_pose_as_another() -> None:
    """`X_One` would have the same name in the environ as `X-One`: it is dropped."""
    values = environ(headers=[("x-one", "mine"), ("x_one", "forged"), ("content_length", "9")])
    assert values["HTTP_X_ONE"] == "mine"
    assert values["CONTENT_LENGTH"] == "4"
    assert "HTTP_CONTENT_LENGTH" not in values


@pytest.mark.parametrize(("client", "address"), [("10.1.2.3:80", "10.1.2.3"), ("[::1]:80", "::1")])
def test_the_peers_address_comes_without_port_and_brackets(client: str, address: str) -> None:
    """`REMOTE_ADDR` is an address alone."""
    assert environ(client=client)["REMOTE_ADDR"] == address


def test_the_moment_of_arrival_is_noted() -> None:
    """On the clock that the app's timings use."""
    before = time.perf_counter()
    assert before <= environ()[wsgi.RECEIVED] <= time.perf_counter()


def test_a_call_follows_the_standard() -> None:
    """The standard library's validator finds nothing wrong with how the app is called."""

    def app(values: dict[str, Any], start_response: Any) -> list[bytes]:
        body = values["wsgi.input"].read(int(values["CONTENT_LENGTH"]))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    values = environ(body=b"echo")
    values.pop("wsgi.input_terminated")  # an addition of Werkzeug's
    values["wsgi.errors"] = io.StringIO()
    assert wsgi.run(validator(app), values).body == b"echo"


def test_an_answer_is_gathered_whole() -> None:
    """Status as a number, headers in order with names in lower case, all chunks and what was written."""

    def app(values: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        write = start_response("201 Created", [("X-A", "1"), ("Set-Cookie", "a"), ("Set-Cookie", "b")])
        write(b"first ")
        yield b"second "
        yield b"third"

    answer = wsgi.run(app, environ())
    assert answer == Reply(
        201, [("x-a", "1"), ("set-cookie", "a"), ("set-cookie", "b")], b"first second third"
    )  # fmt: skip


def test_a_second_start_replaces_the_first() -> None:
    """An app that fails after it started says so with `exc_info`; the error's status and headers count."""

    def app(values: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-A", "1")])
        start_response("500 No", [("X-B", "2")], (ValueError, ValueError(), None))
        return [b"no"]

    assert wsgi.run(app, environ()) == Reply(500, [("x-b", "2")], b"no")


class Closing:
    """An answer that fails in the middle and notes that it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("in the middle")

    def close(self) -> None:
        self.closed = True


def test_an_answer_is_closed_though_it_fails() -> None:
    """PEP 3333: `close` is called in every case."""
    answer = Closing()

    def app(values: dict[str, Any], start_response: Any) -> Closing:
        start_response("200 OK", [])
        return answer

    with pytest.raises(RuntimeError, match="in the middle"):
        wsgi.run(app, environ())
    assert answer.closed
