"""The Flask app: owns every route and is complete by itself, under any WSGI server and in tests."""

from __future__ import annotations

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from service import requests
from service.bridge import Bridge
from service.plane import DataPlane
from service.routes import docs, health, models, page, predict, v1, v2


class _Json(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False


def create_app(plane: DataPlane, bridge: Bridge) -> Flask:
    """The gateway's app.

    Args:
        plane: what is served and how.
        bridge: the way to the event loop that the backend runs on.
    """
    app = Flask("mulgam", static_folder=None)
    app.json = _Json(app)
    app.url_map.merge_slashes = False
    requests.install(app, plane.settings, plane.metrics, plane.keys)
    app.register_blueprint(predict.blueprint(plane, bridge))
    app.register_blueprint(models.blueprint(plane, bridge))
    app.register_blueprint(page.blueprint() if plane.settings.shows_page else models.index(plane))
    app.register_blueprint(v1.blueprint(plane))
    app.register_blueprint(v2.blueprint(plane))
    app.register_blueprint(docs.blueprint(plane))
    if plane.settings.shows_health:
        app.register_blueprint(health.blueprint(plane, bridge))
    return app
