"""The document is OpenAPI 3.1, complete, and of what is served now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from werkzeug.routing import RequestRedirect

from mulgam.encoding.largest import FLOAT32_MAX
from mulgam.registry import Registry
from service.app import create_app
from service.bridge import Bridge
from service.codes import PUBLIC
from service.keys import OPEN_PATHS
from service.metrics.recording import Metrics
from service.openapi.document import document
from service.openapi.schema import plain
from service.plane import DataPlane
from service.protocols.paths import PATHS
from service.settings import Settings
from service.versions.served import Catalogue, LineUp, load
from tests.service.openapi.conftest import MODELS, NOTES, Api, Halves, served
from tests.service.openapi.validation import resolved

# For browsers: no operations of the API.
PAGES = ("page.", "docs.page", "docs.file", "index.", "static")


def test_it_is_valid(api: Api) -> None:
    """By the specification's own schema, with every kind of model in it."""
    assert api.judge.document["openapi"].startswith("3.1")
    validate(api.judge.document)


def test_every_route_is_in_it_and_nothing_else(api: Api) -> None:
    """Each rule of Flask, by method, for each model and version; and each path leads to a rule."""
    app = create_app(api.plane, Bridge())
    rules = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith(PAGES)]
    served_here = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    adapter = app.url_map.bind("localhost")
    listed = set()
    for path, method, operation in api.judge.operations():
        parameters = [resolved(api.judge.document, one) for one in operation["parameters"]]
        for one in parameters:
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", one["schema"]["enum"][0])
        rule, _ = adapter.match(path, method=method.upper(), return_rule=True)
        listed.add((method.upper(), rule.rule))
    assert listed == served_here
    for template, _ in PATHS:
        for model in MODELS:
            assert template.replace("<model>", model.name).replace("<version>", "1") in api.judge.document["paths"]


def test_a_path_that_leads_nowhere_would_be_noticed(api: Api) -> None:
    """The way in which the test above looks a path up tells apart what there is from what there is not."""
    adapter = create_app(api.plane, Bridge()).url_map.bind("localhost")
    with pytest.raises(Exception, match="404") as caught:
        adapter.match("/predict/notes/nowhere", method="POST")
    assert not isinstance(caught.value, RequestRedirect)


def test_every_code_and_status_is_in_it(api: Api) -> None:
    """Each code of the public listener, in the schema of errors and beside its status."""
    components = api.judge.document["components"]
    assert components["schemas"]["Error"]["properties"]["code"]["enum"] == [code.name for code in PUBLIC]
    for code in PUBLIC:
        assert f"`{code.name}`: {code.meaning}" in components["responses"][f"Error{code.status}"]["description"]
    used = {
        reference["$ref"].rpartition("/")[2]
        for _, _, operation in api.judge.operations()
        for reference in operation["responses"].values()
        if "$ref" in reference
    }
    told = " ".join(components["responses"][name]["description"] for name in used)
    by_flask_alone = {"NOT_FOUND", "METHOD_NOT_ALLOWED", "UNAUTHORIZED"}
    assert {code.name for code in PUBLIC if f"`{code.name}`" not in told} <= by_flask_alone


def test_no_reference_is_broken_and_no_component_is_idle(api: Api) -> None:
    """Each reference leads somewhere; each component is used, but for statuses that only other settings have."""
    text = json.dumps(api.judge.document)
    references = set(re.findall(r'"\$ref": "([^"]+)"', text))
    for reference in references:
        assert resolved(api.judge.document, {"$ref": reference})
    components = {
        f"#/components/{kind}/{name}" for kind, named in api.judge.document["components"].items() for name in named
    }
    idle = {"#/components/responses/" + name for name in re.findall(r"responses/(Error\d+)", " ".join(components))}
    assert components - references <= idle | {"#/components/parameters/CanaryKey", "#/components/headers/Authenticate"}


def test_names_of_operations_are_distinct() -> None:
    """Also where one model is called like a version of another, or like a path."""
    names = ("notes", "notes-1", "models", "v2")
    models = [served(name, NOTES.signature.features, NOTES.signature.target, NOTES.entry.golden) for name in names]
    made = document(Settings(), Catalogue(LineUp(one) for one in models))
    found = [operation["operationId"] for item in made["paths"].values() for operation in item.values()]
    assert len(set(found)) == len(found)


def test_limits_are_those_of_the_settings() -> None:
    """Rows in the schema, bytes and seconds in words; health only where it is shown."""
    settings = Settings(max_rows=7, max_body_bytes=12345, request_timeout=2.5, public_health="no")
    made = document(settings, Catalogue([LineUp(NOTES)]))
    assert made["components"]["schemas"]["notes.1.Rows"]["properties"]["instances"]["maxItems"] == 7
    assert "12,345 bytes" in made["paths"]["/predict/notes"]["post"]["requestBody"]["description"]
    assert "2.5" in made["components"]["parameters"]["RequestTimeout"]["description"]
    assert "/livez" not in made["paths"]


def test_a_range_is_demanded_where_others_are_refused() -> None:
    """Else it is told; its schema takes any number that the model can be given."""
    for settings, most in ((Settings(), FLOAT32_MAX), (Settings(out_of_range="reject"), 36.0)):
        schemas = document(settings, Catalogue([LineUp(NOTES)]))["components"]["schemas"]
        area = schemas["notes.1.Instance"]["anyOf"][0]["properties"]["area"]
        assert area["maximum"] == most
        assert area["x-training-range"] == [32.0, 36.0]


def test_with_keys_it_says_so() -> None:
    """Bearer or X-API-Key everywhere but on the open paths, 401 among the answers."""
    made = document(Settings(api_keys_file="keys"), Catalogue([LineUp(NOTES)]))
    validate(made)
    assert made["security"] == [{"bearer": []}, {"key": []}]
    for path, item in made["paths"].items():
        for operation in item.values():
            assert (operation.get("security") == []) == (path in OPEN_PATHS) == ("401" not in operation["responses"])


def test_a_canary_may_answer_the_default_path() -> None:
    """A request must suit both, either may answer; by number each is asked alone."""
    features = (NOTES.signature.features[0], replace(NOTES.signature.features[1], missing=True))
    canary = served("notes", features, NOTES.signature.target, NOTES.entry.golden, version=2)
    made = document(Settings(), Catalogue([LineUp(NOTES, canary, 0.1)]))
    validate(made)
    operation = made["paths"]["/predict/notes"]["post"]
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in asked["allOf"]] == ["notes.1.Rows", "notes.2.Rows"]
    answered = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in answered["anyOf"]] == [
        "notes.1.Predictions",
        "notes.2.Predictions",
    ]
    assert {"$ref": "#/components/parameters/CanaryKey"} in operation["parameters"]
    assert "/predict/notes/versions/2" in made["paths"]


def test_it_follows_the_registry(two_versions: Registry, bridge: Bridge) -> None:
    """Another version: another document under another tag; the same one: 304 without a body."""
    first, second = (load(two_versions, {"notes": number}, "onnx") for number in (1, 2))
    plane = DataPlane(Settings(), first, Halves(), Metrics())
    client = create_app(plane, bridge).test_client()
    before = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": before.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    plane.follow(second)
    after = client.get("/openapi.json", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]
    assert "/predict/notes/versions/2" in after.json["paths"]
    assert "/predict/notes/versions/1" not in after.json["paths"]


def test_a_long_row_has_no_example(tmp_path: Path) -> None:
    """A document of megabytes of zeros helps nobody: past 16 KiB a golden row is left out."""
    wide = vars(NOTES.entry)["golden"][0]
    long = served(
        "long", NOTES.signature.features, NOTES.signature.target, [replace(wide, instances=[{"area": "9" * 20_000}])]
    )
    made = document(Settings(), Catalogue([LineUp(long)]))
    assert made["paths"]["/predict/long"]["post"]["requestBody"]["content"]["application/json"]["examples"] == {}


def test_words_of_a_models_maker_are_no_markup() -> None:
    """Descriptions are CommonMark: what a signature says is shown as it stands, in one line."""
    words = "<img src=x onerror=alert(1)> [a](javascript:b) *c* `d`\n# e & f"
    shown = plain(words)
    assert shown == r"&lt;img src=x onerror=alert(1)> \[a\](javascript:b) \*c\* \`d\` \# e &amp; f"
    feature = replace(NOTES.signature.features[0], unit=words)
    model = served("marked", (feature,), replace(NOTES.signature.target, name=words, unit=words), [])
    vars(model.entry)["signature"] = replace(model.signature, description=words)
    vars(model.entry)["golden"] = [replace(NOTES.entry.golden[0], instances=[[1]])]
    made = document(Settings(), Catalogue([LineUp(model)]))
    described = [value for place, value in leaves(made) if place == "description"]
    assert any(shown in value for value in described)
    assert not any("<img" in value or "[a]" in value for value in described)


def leaves(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """(key, text) of every text in a JSON value."""
    if isinstance(value, str):
        yield name, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(item, str(key))
