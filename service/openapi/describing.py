"""The operations beside predictions: what is served, metadata, health. One line for each route, and its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from service.codes import Area
from service.metrics.rendering import CONTENT_TYPE as METRICS
from service.openapi import answers
from service.openapi.answers import JSON
from service.openapi.schema import Json, component

ABOUT, V1, V2, HEALTH = "What is served", "KServe V1", "Open Inference Protocol V2", "Health and metrics"
TAGS = {
    ABOUT: "The models with their signatures and held-out scores.",
    V1: "KServe's first protocol, beside `:predict`.",
    V2: "Metadata, readiness and the repository's index, beside `infer`.",
    HEALTH: "Probes and Prometheus' metrics.",
}
_NONE, _NOT = "No model can answer.", "It does not."


@dataclass(frozen=True)
class Route:
    """One route: its path as Flask has it, what it tells, and its answer.

    `answer` names a component or is a media type without one; None: no body. `not_ready` says what a 503 means here,
    `asked` names the component of a body that may be sent.
    """

    path: str
    tag: str
    summary: str
    answer: str | None
    method: str = "get"
    not_ready: str | None = None
    asked: str | None = None


ROUTES = (
    Route("/models", ABOUT, "what is served: version, task, digest, state, score beside its baselines", "Models"),
    Route("/models/<model>", ABOUT, "one model, with signature, all held-out scores, and a typical row", "Model"),
    Route("/models/<model>/stats", ABOUT, "its live figures: rate, latency, batch size, drift", "Stats"),
    Route("/models/<model>/report", ABOUT, "the report of its training, as a page", "text/html"),
    Route("/openapi.json", ABOUT, "this API as an OpenAPI 3.1 document", "Document"),
    Route("/v1/models", V1, "KServe V1: the names", "V1Models"),
    Route("/v1/models/<model>", V1, "KServe V1: one model's name and readiness", "V1Model"),
    Route("/v2", V2, "V2: metadata of the server", "V2Server"),
    Route("/v2/health/live", V2, "V2: 200 while the service lives; no body", None),
    Route("/v2/health/ready", V2, "V2: 200 where a model can answer, else 503; no body", None, not_ready=_NONE),
    Route("/v2/models/<model>", V2, "V2: metadata of a model", "V2Model"),
    Route("/v2/models/<model>/versions/<version>", V2, "V2: metadata of one of its versions", "V2Model"),
    Route(
        "/v2/models/<model>/ready", V2, "V2: 200 where it gives its golden answers, else 503; no body", None,
        not_ready=_NOT,
    ),
    Route("/v2/models/<model>/versions/<version>/ready", V2, "V2: the same of one version", None, not_ready=_NOT),
    Route(
        "/v2/repository/index", V2, 'V2: models, versions, states; with `{"ready": true}` those that are ready',
        "V2Index", "post", asked="V2IndexAsked",
    ),
)  # fmt: skip
# On the public listener only where the settings say so.
HEALTH_ROUTES = (
    Route("/livez", HEALTH, "health: 200 while the process answers", "Alive"),
    Route("/readyz", HEALTH, "health: 200 where a model can answer, else 503", "Readiness", not_ready=_NONE),
    Route("/metrics", HEALTH, "Prometheus' metrics", METRICS),
)

# For browsers, no part of the document; with MULGAM_PAGE=no there is "/" alone, which lists the paths.
PAGES = (
    Route("/", "", "the page for people; without pages, in JSON, where to go from here", "text/html"),
    Route("/page/<name>", "", "the files it is made of", None),
    Route("/docs", "", "the API reference, to read and to try out", "text/html"),
    Route("/docs/<name>", "", "the files it is made of", None),
)


def paths(
    models: Iterable[str], versions: Iterable[int], open_paths: Iterable[str], *, health: bool, has_keys: bool
) -> dict[str, Json]:
    """The operations.

    Args:
        models: the names that are served.
        versions: all of their versions.
        open_paths: those that need no key.
        health: whether health and metrics are on the public listener.
        has_keys: whether the others need one.
    """
    names, numbers = sorted(models), sorted({str(version) for version in versions})
    described: dict[str, Json] = {}
    for route in ROUTES + (HEALTH_ROUTES if health else ()):
        is_open = route.path in open_paths
        operation = _operation(route, has_keys and not is_open)
        operation["parameters"] = [component("parameters", "RequestId"), *_placed(route.path, names, numbers)]
        if has_keys and is_open:
            operation["security"] = []
        described[route.path.replace("<", "{").replace(">", "}")] = {route.method: operation}
    return described


def _operation(route: Route, has_keys: bool) -> Json:
    areas: tuple[Area, ...] = ("path",) if "<" in route.path else ()
    if route.asked is not None:
        areas += ("body",)
    responses = {
        "200": answers.with_id({"description": "The answer."} | _content(route.answer)),
        **answers.errors(*areas, has_keys=has_keys),
    }
    if route.not_ready is not None:
        later = {"Retry-After": component("headers", "RetryAfter")}
        refused = {"description": route.not_ready, "headers": later} | _content(route.answer)
        responses["503"] = answers.with_id(refused)
    # The method first: no protocol of a prediction is called so.
    identity = route.method + route.path.replace("/", ".").translate(str.maketrans("", "", "<>"))
    summary = route.summary[0].upper() + route.summary[1:]
    body = {} if route.asked is None else {"requestBody": {"required": False} | _content(route.asked)}
    return {"operationId": identity, "tags": [route.tag], "summary": summary, **body, "responses": responses}


def _content(answer: str | None) -> Json:
    if answer is None:
        return {}
    if "/" in answer:
        return {"content": {answer: {"schema": {"type": "string"}}}}
    return {"content": {JSON: {"schema": component("schemas", answer)}}}


def _placed(path: str, models: list[str], versions: list[str]) -> list[Json]:
    """The parameters in a path."""
    places = {"model": models, "version": versions}
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": known}}
        for name, known in places.items()
        if f"<{name}>" in path
    ]
