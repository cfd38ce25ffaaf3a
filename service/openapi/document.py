"""The whole document (OpenAPI 3.1) of what is served now."""

from __future__ import annotations

from mulgam import __version__
from service.keys import OPEN_PATHS
from service.openapi import answers, described, describing, parameters, predicting
from service.openapi.schema import Json, plain
from service.settings import Settings
from service.versions.served import Catalogue, LineUp

_ABOUT = (
    "Predictions of the models below. Whatever is wrong with a request, the answer has one shape: a sentence, a code,"
    " and the place. Requests carry `X-Request-Id` if they like, and every answer has one; every prediction names the"
    " digest of the files that computed it.\n\n"
    "Schemas hold what is checked; what training saw (ranges, vocabularies, lengths of texts) is told, not demanded."
    " Two checks no schema can make: an object may not name a key twice, and a V2 tensor has as many elements as its"
    " `shape` says."
)


def document(settings: Settings, catalogue: Catalogue) -> Json:
    """The document of these models under these settings."""
    has_keys = bool(settings.api_keys_file)
    line_ups = catalogue.line_ups.values()
    numbers = [served.version for served in catalogue.versions]
    paths = describing.paths(catalogue.line_ups, numbers, OPEN_PATHS, health=settings.shows_health, has_keys=has_keys)
    for line_up in line_ups:
        paths |= predicting.paths(line_up, settings, has_keys)
    schemas = {"Error": answers.error_schema(), **described.schemas()}
    for served in catalogue.versions:
        schemas |= predicting.schemas(served, settings)
    components: Json = {
        "schemas": schemas,
        "parameters": parameters.components(settings),
        "headers": answers.headers(),
        "responses": {**answers.components(), "Refused": answers.refused()},
    }
    written: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Mulgam", "version": __version__, "description": _ABOUT},
        "tags": [
            *map(_tag, line_ups),
            *({"name": name, "description": text} for name, text in describing.TAGS.items()),
        ],
        "paths": paths,
        "components": components,
    }
    if has_keys:
        components["securitySchemes"] = _SCHEMES
        written["security"] = [{name: []} for name in _SCHEMES]
    return written


_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def _tag(line_up: LineUp) -> Json:
    """A model: what it is for, and which of its versions answer."""
    signature = line_up.default.signature
    versions = ", ".join(f"{number} ({one.digest[:12]}…)" for number, one in sorted(line_up.versions.items()))
    unit = f" ({plain(signature.target.unit)})" if signature.target.unit else ""
    synthetic = " Trained on synthetic data." if signature.synthetic else ""
    told = plain(signature.description)
    told += f" {signature.task.capitalize()}: {plain(signature.target.name)}{unit}.{synthetic}"
    return {"name": line_up.default.name, "description": f"{told.strip()} Versions: {versions}."}
