"""When the client sends the same again, how long it waits, and when it gives up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mulgam.client import Client, ClientError, RequestError, UnavailableError
from mulgam.client.retrying import Retrying, seconds_of
from tests.mulgam.client.scripted import header, http, scripted
from tests.processes import free_port

GOOD = http(200, {"model": "m", "version": 1, "predictions": [1.5]})
BUSY = {"error": "The service is busy.", "code": "OVERLOADED", "request_id": "theirs"}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, in no time; the clock goes on with them."""
    waited: list[float] = []
    clock = time.monotonic
    monkeypatch.setattr("mulgam.client.retrying.time.sleep", waited.append)
    monkeypatch.setattr("mulgam.client.retrying.time.monotonic", lambda: clock() + sum(waited))
    return waited


def test_a_connection_that_is_cut_is_no_answer(waits: list[float]) -> None:
    """The same request goes again, under the same id, after a wait."""
    with scripted(lambda number, _: None if number < 3 else GOOD) as service:
        assert Client(service.url).predict("m", [[1]]).tolist() == [1.5]
    assert len(service.requests) == 3
    assert len({header(request, "X-Request-Id") for request in service.requests}) == 1
    assert len(waits) == 2


def test_an_answer_that_is_cut_off_is_none(waits: list[float]) -> None:
    """Half of a body is never taken for the whole."""
    closed = http(200, b"x" * 100, Connection="close")[:-90]
    with closing_after(closed) as url, pytest.raises(UnavailableError) as caught:
        Client(url, tries=2).predict("m", [[1]])
    assert caught.value.code == "NO_CONNECTION"
    assert len(waits) == 1


@contextmanager
def closing_after(answer: bytes) -> Iterator[str]:
    """A server that sends this and closes, each time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_respected(waits: list[float], status: int) -> None:
    """At least that long, and not much longer."""
    with scripted(lambda number, _: http(status, BUSY, Retry_After="2") if number == 1 else GOOD) as service:
        assert Client(service.url).predict("m", [[1]]).tolist() == [1.5]
    (waited,) = waits
    assert 2 <= waited <= 2.1


def test_it_gives_up_where_the_wait_is_past_the_deadline(waits: list[float]) -> None:
    """At once, with what the service said, and when it would be worth asking again."""
    with (
        scripted(lambda *_: http(503, BUSY, Retry_After="60", X_Request_Id="theirs")) as service,
        pytest.raises(UnavailableError, match="The service is busy") as caught,
    ):
        Client(service.url, deadline=30).predict("m", [[1]])
    problem = caught.value
    assert (problem.status, problem.code, problem.request_id, problem.retry_after) == (503, "OVERLOADED", "theirs", 60)
    assert waits == []
    assert len(service.requests) == 1


def test_it_gives_up_after_its_tries(waits: list[float]) -> None:
    """As often as it was told."""
    with scripted(lambda *_: http(503, BUSY)) as service, pytest.raises(UnavailableError):
        Client(service.url, tries=3).predict("m", [[1]])
    assert len(service.requests) == 3
    with scripted(lambda *_: None) as service, pytest.raises(UnavailableError) as caught:
        Client(service.url, tries=1).predict("m", [[1]])
    assert len(service.requests) == 1
    assert caught.value.code == "NO_CONNECTION"
    assert caught.value.request_id == header(service.requests[0], "X-Request-Id")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RequestError), (401, RequestError), (404, RequestError), (500, UnavailableError), (502, UnavailableError),
     (504, UnavailableError)],
)  # fmt: skip
def test_what_would_be_refused_again_is_not_sent_again(
    waits: list[float], status: int, kind: type[ClientError]
) -> None:
    """Mistakes of the caller, defects, and what was too slow already."""
    with (
        scripted(lambda *_: http(status, {"error": "No.", "code": "X", "field": "f"})) as service,
        pytest.raises(kind, match=r"^No\.$") as caught,
    ):
        Client(service.url).predict("m", [[1]])
    assert (caught.value.code, caught.value.field, caught.value.status) == ("X", "f", status)
    assert len(service.requests) == 1


def test_a_page_of_a_proxy_is_an_error_with_its_status(waits: list[float]) -> None:
    """Though nothing in it says what is wrong."""
    with (
        scripted(lambda *_: http(502, b"<html>Bad gateway</html>")) as service,
        pytest.raises(UnavailableError, match="502") as caught,
    ):
        Client(service.url).predict("m", [[1]])
    assert caught.value.code == "HTTP_502"


def test_nobody_there_is_one_sentence(waits: list[float]) -> None:
    """With the address, after all tries."""
    port = free_port()
    with pytest.raises(UnavailableError, match=f"http://127.0.0.1:{port} can't be asked: Connection refused") as caught:
        Client(f"http://127.0.0.1:{port}").predict("m", [[1]])
    assert caught.value.code == "NO_CONNECTION"
    assert len(waits) == 3


def test_a_slow_service_is_given_up_in_time() -> None:
    """It was told how long one waits, and is not asked again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
        with pytest.raises(UnavailableError, match="no answer in time") as caught:
            client.predict("m", [[1]])
    assert caught.value.code == "TIMEOUT"


def test_the_service_is_told_what_is_left_of_the_time(waits: list[float]) -> None:
    """The time-out of one try, or the rest of the deadline where that is less."""
    with scripted(lambda number, _: GOOD if number == 2 else http(503, BUSY, Retry_After="4")) as service:
        Client(service.url, timeout=3, deadline=5).predict("m", [[1]])
    first, second = (float(header(request, "X-Request-Timeout") or 0) for request in service.requests)
    assert first == 3
    assert 0 < second <= 1


def test_a_connection_closed_while_idle_costs_no_try(waits: list[float]) -> None:
    """The service may close what nobody uses; the next request goes over a fresh one, at once."""
    closing = iter([GOOD, None, GOOD])
    with scripted(lambda *_: next(closing)) as service:
        client = Client(service.url, tries=1)
        client.predict("m", [[1]])
        client.predict("m", [[1]])
        assert service.connections == 2
    assert waits == []


def test_waits_grow_and_are_spread() -> None:
    """From 0 to a bound that doubles and ends; on top of what was asked for."""
    policy = Retrying(first_wait=0.1, longest_wait=0.5)

    def drawn(failed: int) -> Iterator[float]:
        return (policy.wait(failed, None) for _ in range(300))

    for failed, bound in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (9, 0.5)):
        found = list(drawn(failed))
        assert 0.8 * bound < max(found) <= bound
        assert min(found) < 0.2 * bound
    assert 3 <= policy.wait(1, 3.0) <= 3.1


def test_retry_after_may_be_a_date() -> None:
    """Or nonsense, which says nothing."""
    assert seconds_of(None) is None
    assert seconds_of(" 7 ") == 7
    assert seconds_of("soon") is None
    assert seconds_of("-1") is None
    later = seconds_of(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later is not None
    assert 57 < later <= 60
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
