"""The examples are runnable: each is accepted as it stands, and answered as the document says."""

from __future__ import annotations

import json

from mulgam.registry import Registry
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import load
from tests.service.openapi.conftest import Api
from tests.service.openapi.validation import Judge

JSON = "application/json"


def send_every_example(api: Api) -> int:
    """Each one of each operation, as the document has it; how many there were."""
    count = 0
    for path, method, operation in api.judge.operations():
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            for title, example in content.get("examples", {}).items():
                body = example["value"] if isinstance(example["value"], str) else json.dumps(example["value"])
                if kind == JSON:
                    assert api.judge.problems(content["schema"], example["value"]) == []
                answer = api.client.open(path, method=method.upper(), data=body.encode(), content_type=kind)
                assert answer.status_code == 200, (path, kind, title, answer.data)
                check(api, operation, answer.content_type, answer.data)
                count += 1
    return count


def check(api: Api, operation: dict, kind: str, body: bytes) -> None:  # type: ignore[type-arg]
    """The answer is of a media type that the document names, and as its schema says."""
    contents = api.judge.response(operation, 200)["content"]
    content = contents[kind.partition(";")[0]]
    if kind == JSON:
        assert api.judge.problems(content["schema"], json.loads(body)) == []
    for line in body.splitlines() if "x-line" in content else ():
        assert api.judge.problems(content["x-line"], json.loads(line)) == []


def test_every_example_is_answered(api: Api) -> None:
    """Of every kind of model, in every protocol and format."""
    assert send_every_example(api) > 50


def test_examples_of_answers_are_as_their_schemas_say(api: Api) -> None:
    """And as many as there are of requests that need a body."""
    for path, _, operation in api.judge.operations():
        if not operation.get("requestBody", {}).get("required"):
            continue
        asked = operation["requestBody"]["content"][JSON]
        answered = operation["responses"]["200"]["content"][JSON]
        assert set(answered["examples"]) == set(asked["examples"]) != set(), path
        for example in answered["examples"].values():
            assert api.judge.problems(answered["schema"], example["value"]) == []


def test_a_golden_row_gives_the_answer_that_stands_beside_it(registry: Registry, bridge: Bridge) -> None:
    """Over the real runtime the answer of the example is the one that comes."""
    catalogue = load(registry, {"notes": 1, "shapes": 1}, "onnx")
    plane = DataPlane(Settings(), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    client = create_app(plane, bridge).test_client()
    api = Api(plane, client, Judge(client.get("/openapi.json").json))
    assert send_every_example(api) > 20
    for path in ("/predict/notes", "/v1/models/shapes:predict", "/v2/models/notes/infer"):
        operation = api.judge.document["paths"][path]["post"]
        asked = operation["requestBody"]["content"][JSON]["examples"]["by name"]["value"]
        told = operation["responses"]["200"]["content"][JSON]["examples"]["by name"]["value"]
        assert rounded(client.post(path, json=asked).json) == rounded(told)
    bridge.run(plane.backend.close())


def rounded(value: object) -> object:
    """The same with every number cut to what both runtimes agree on."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return f"{value:.4g}" if isinstance(value, float) else value
