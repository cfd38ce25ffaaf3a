"""V2's model repository extension on the admin listener: `mulgam promote` by HTTP, answered once it is carried out."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Blueprint, Response, jsonify, request

from mulgam import serving
from mulgam.errors import InputError, RegistryError
from mulgam.registry import Registry
from mulgam.wording import shown
from service.errors import ApiError, from_input_error
from service.protocols import wire
from service.supervisor.causes import told
from service.supervisor.overview import Overview

_LOOK_SECONDS = 0.05


def blueprint(overview: Overview, registry: Registry, timeout: float) -> Blueprint:
    """`load` and `unload`.

    Args:
        overview: tells when a change has been dealt with.
        registry: whose `serving.json` is written.
        timeout: seconds for which a load is waited for.
    """
    routes = Blueprint("repository", __name__)
    # A load waits in one of the listener's few threads: the others are for the probes.
    loading = threading.Lock()

    @routes.post("/v2/repository/models/<model>/load")
    def load(model: str) -> Response:
        _refuse_browsers()
        version = _wanted_version()
        _check_model(registry, model)
        if not loading.acquire(blocking=False):
            raise ApiError(409, "LOADING", "Another version is being loaded; try again when that is done.")
        try:
            plan = serving.promote(registry, model, version)
            _wait_until_followed(overview, plan.generation, timeout)
        except RegistryError as problem:
            raise ApiError(400, "VERSION_REFUSED", told(str(problem), registry.root)) from problem
        finally:
            loading.release()
        why = overview.refused.get(model) or overview.refused.get(serving.FILE_NAME)
        if why is not None:
            raise ApiError(400, "VERSION_REFUSED", f"What was served before serves on: {told(why, registry.root)}")
        return jsonify(name=model, version=str(plan.models[model].default), state="READY")

    @routes.post("/v2/repository/models/<model>/unload")
    def unload(model: str) -> Response:
        _refuse_browsers()
        _check_model(registry, model)
        raise ApiError(400, "NOT_UNLOADABLE", "Every model of the registry is served; load another version instead.")

    return routes


def _refuse_browsers() -> None:
    """A page of anyone's may send a POST to loopback from the operator's browser, which always names the page."""
    if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise ApiError(403, "CROSS_ORIGIN", "A web page may not change what is served.")


def _check_model(registry: Registry, model: str) -> None:
    models = registry.models()
    if model not in models:
        raise ApiError(404, "UNKNOWN_MODEL", f"There is no model {shown(model)} here; there are: {', '.join(models)}.")


def _wanted_version() -> int | None:
    """`{"parameters": {"version": 2}}`; without it None: see `serving.promote`."""
    body = request.get_data()
    if not body:
        return None
    try:
        document = wire.loads(body)
    except InputError as problem:
        raise from_input_error(problem) from problem
    parameters: Any = document.get("parameters", {}) if isinstance(document, dict) else None
    if not isinstance(parameters, dict) or not {*document} <= {"parameters"} or not {*parameters} <= {"version"}:
        raise ApiError(400, "BAD_PARAMETER", 'The body is empty or {"parameters": {"version": 2}}.', "parameters")
    version = parameters.get("version")
    if isinstance(version, str) and version.isascii() and version.isdigit() and len(version) < 10:
        version = int(version)
    if version is not None and (type(version) is not int or version < 1):
        raise ApiError(400, "BAD_PARAMETER", "The version must be a whole number from 1.", "parameters.version")
    return version


def _wait_until_followed(overview: Overview, generation: int, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while overview.followed < generation:
        if time.monotonic() > deadline or overview.stopping:
            raise ApiError(
                504, "DEADLINE_EXCEEDED", "The version is not served yet; /readyz tells when it is, or why not."
            )
        time.sleep(_LOOK_SECONDS)
