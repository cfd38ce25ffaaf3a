"""The admin listener: health, metrics, and what is to be served; answered by the supervisor though gateways hang.

Served by waitress, which reads requests on a loop of its own: a slow client holds none of its threads.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable
from typing import Any

import waitress
from flask import Flask, Response, jsonify
from prometheus_client.registry import Collector
from waitress import wasyncore

from mulgam.errors import MulgamError
from service import requests
from service.metrics import rendering
from service.settings import Settings
from service.supervisor import repository
from service.supervisor.causes import all_told
from service.supervisor.overview import Overview


def create_admin_app(overview: Overview, settings: Settings, others: Iterable[Collector] = ()) -> Flask:
    """The app behind the admin listener; `others` have series that are none of the gateways'."""
    app = Flask("mulgam-admin", static_folder=None)
    requests.install(app, settings, None)

    @app.get("/livez")
    def livez() -> Response:
        response = jsonify(status="alive" if overview.is_alive else "not alive")
        response.status_code = 200 if overview.is_alive else 503
        return response

    @app.get("/readyz")
    def readyz() -> Response:
        ready = overview.is_ready
        broken = overview.broken()
        models = {
            name: {
                "ready": state.ready,
                "cause": state.cause,
                "breaker": "open" if name in broken else "closed",
                **overview.trials(name),
            }
            for name, state in overview.states().items()
        }
        causes = all_told({"models": models, "refused": overview.refused}, settings.registry)
        response = jsonify(status="ready" if ready else "not ready", **causes)
        if not ready:
            response.status_code = 503
            response.headers["Retry-After"] = "1"
        return response

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(rendering.render(None, overview.ready, others), content_type=rendering.CONTENT_TYPE)

    app.register_blueprint(repository.blueprint(overview, settings.models, settings.startup_timeout))
    return app


# Two probes at a time are no event.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)
# Beyond these waitress takes no connection, a probe's neither, until others end: those that send nothing do so soon.
_MOST_CONNECTIONS = 500
_PATIENCE = 5


class AdminListener:
    """Serves the admin app in a thread.

    Raises:
        MulgamError: the port is taken.
    """

    def __init__(self, overview: Overview, settings: Settings, others: Iterable[Collector] = ()) -> None:
        app = create_admin_app(overview, settings, others)
        self._open: dict[int, Any] = {}  # every socket of the loop, by its descriptor
        try:
            self._server: Any = waitress.create_server(
                app, map=self._open, host=settings.admin_host, port=settings.admin_port, threads=3, ident="mulgam",
                connection_limit=_MOST_CONNECTIONS, channel_timeout=_PATIENCE, cleanup_interval=1,
                asyncore_use_poll=True, max_request_header_size=16384, max_request_body_size=65536,
            )  # fmt: skip
        except OSError as problem:
            self._close_all()
            raise port_taken(settings.admin_host, settings.admin_port, "ADMIN_PORT", problem) from problem
        self._thread = threading.Thread(target=self._server.run, name="admin", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering: first the threads, which wake the loop when they are done, then the loop its own sockets."""
        self._server.task_dispatcher.shutdown(timeout=5)
        wake = next(one for one in self._open.values() if hasattr(one, "pull_trigger"))
        with contextlib.suppress(OSError):  # the loop was awake already and has closed all, its trigger too
            wake.pull_trigger(self._close_all)
        self._thread.join(timeout=5)

    def _close_all(self) -> None:
        wasyncore.close_all(self._open, ignore_all=True)


def port_taken(host: str, port: int, variable: str, problem: OSError) -> MulgamError:
    """The sentence for a listener that can't be opened."""
    reason = "is taken" if problem.errno == 98 else f"can't be opened: {problem.strerror}"
    return MulgamError(f"The port {port} on {host} {reason}; choose another with {variable}=….")
