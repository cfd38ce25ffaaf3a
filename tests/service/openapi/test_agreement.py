"""Schemas and validators agree: what the document allows is answered, what it refuses is a 4xx, nothing is a 5xx.

Three things no schema can say, and both sides know of: a V2 tensor has as many elements as its shape tells, and as many
rows as the others; a flat V2 list does not tell which element belongs to which feature; and 7.0 is an integer to JSON
Schema, but no whole number as the service reads it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.errors import InputError
from mulgam.signature import Signature
from service.openapi import rows
from service.protocols.paths import PATHS, concrete
from tests.mulgam.strategies import characters, signatures
from tests.service.openapi.conftest import MODELS, Api
from tests.service.openapi.validation import Judge, resolved

JSON = "application/json"
OPERATIONS = [concrete(template, model.name, 1) for model in MODELS for template, _ in PATHS]
# Codes with which a request that the schema allows may be refused, by what its protocol can't say.
BEYOND_SCHEMA = {"v2": {"WRONG_SIZE", "RAGGED", "NON_FINITE", "OUT_OF_RANGE", "WRONG_TYPE"}}
numbers = st.integers(-(2**66), 2**66) | st.sampled_from([1e38, -1e38, 3.4e38, 3.5e38, 1e300]) | st.floats(-9, 9)
scalars = st.none() | st.booleans() | numbers.filter(lambda one: not float(one).is_integer() or isinstance(one, int))
leaves = scalars | st.text(characters, max_size=5) | st.sampled_from(["Seoul", "true", "BYTES", "FP32", "numeric"])
keys = st.sampled_from(["instances", "data", "area", "name", "sequence_id", "x"])
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=2), max_leaves=5
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON document something stands."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*at, name))


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three places replaced, removed or doubled."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        *above, last = draw(st.sampled_from([one for one in places(document) if one] or [("nothing",)]))
        owner = document
        for name in above:
            owner = owner[name]
        if not isinstance(owner, dict | list) or last == "nothing":
            return document
        match draw(st.sampled_from(["replace", "replace", "remove", "double"])):
            case "replace":
                owner[last] = draw(anything)
            case "remove":
                del owner[last]
            case "double" if isinstance(owner, list):
                owner.insert(last, copy.deepcopy(owner[last]))
            case "double":
                owner[draw(st.sampled_from(["x", "parameters", "outputs", "id"]))] = draw(anything)
    return document


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_the_document_allows_is_what_is_answered(api: Api, path: str) -> None:
    """Examples with places changed: 200 or 400 as the schema says, an answer as its schema says, never a 5xx."""
    operation = api.judge.document["paths"][path]["post"]
    asked = operation["requestBody"]["content"][JSON]
    protocol = operation["operationId"].partition(".")[0]
    examples = [example["value"] for example in asked["examples"].values()]

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(examples).flatmap(changed))
    def check(body: Any) -> None:
        problems = api.judge.problems(asked["schema"], body)
        answer = api.client.post(path, data=json.dumps(body).encode(), content_type=JSON)
        response = api.judge.response(operation, answer.status_code)
        assert answer.content_type in response["content"], answer.data
        for name, header in response["headers"].items():
            header = resolved(api.judge.document, header)
            assert name in answer.headers or not header.get("required")
            if name in answer.headers:
                assert api.judge.takes(header["schema"], read_header(answer.headers[name], header["schema"]))
        if answer.content_type == JSON:
            assert api.judge.problems(response["content"][JSON]["schema"], answer.json) == []
        if answer.status_code == 200:
            assert problems == []
        else:
            assert 400 <= answer.status_code < 500
            assert problems or answer.json["code"] in BEYOND_SCHEMA.get(protocol, ()), answer.json

    check()


def read_header(value: str, schema: Any) -> Any:
    """A header's value as its schema means it."""
    return int(value) if schema.get("type") == "integer" else value


@st.composite
def instances(draw: st.DrawFn, signature: Signature) -> Any:
    """A row that is one, or nearly."""
    known = {
        "number": st.floats(-9, 9) | st.integers(-9, 9),
        "category": st.text(characters, max_size=3) | st.integers(-9, 9),
        "boolean": st.booleans(),
        "text": st.text(characters, max_size=9),
    }
    values = {one.name: draw(st.one_of(known[one.type], known[one.type], leaves)) for one in signature.features}
    match draw(st.sampled_from(["dict", "list", "short", "more", "bare"])):
        case "dict":
            return values
        case "list":
            return list(values.values())
        case "short":
            return list(values.values())[1:] if draw(st.booleans()) else dict(list(values.items())[1:])
        case "more":
            return values | {draw(st.text(characters, max_size=3)): 1}
    return draw(anything)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_row_is_one_to_the_schema_where_it_is_one_to_the_encoder(data: st.DataObject) -> None:
    """For any signature and any JSON value, exactly."""
    signature = data.draw(signatures())
    instance = data.draw(instances(signature))
    try:
        Encoder(signature).encode([instance])
        taken = True
    except InputError:
        taken = False
    assert Judge({}).takes(rows.instance(signature), instance) == taken


def test_a_disagreement_would_be_noticed(api: Api) -> None:
    """The judge refuses a row that lacks a feature, has one too many, or holds another type."""
    schema = api.judge.component("notes.1.Rows")
    assert api.judge.takes(schema, {"instances": [{"area": None, "rooms": 3}, [1, 2]]})
    for row in ({"area": 1}, {"area": 1, "rooms": 3, "x": 1}, [1, None], [1, "2"], [1, True], [1], [1, 1e39], 5):
        assert not api.judge.takes(schema, {"instances": [row]}), row
    assert not api.judge.takes(schema, {"instances": []})
    assert not api.judge.takes(schema, {"instances": [[1, 2]] * 21})


def test_limits_of_tensors_are_in_the_schema(api: Api) -> None:
    """Uneven rows, reserved parameters, outputs asked for twice, one tensor named twice: refused by both."""
    schema = api.judge.component("notes.1.Tensors")
    good = {"name": "numeric", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
    path = "/v2/models/notes/infer"
    assert api.judge.takes(schema, {"inputs": [good]})
    for body in (
        {"inputs": [good | {"data": [[1], [2, 3, 4]]}]},
        {"inputs": [good, good]},
        {"inputs": [good], "parameters": {"sequence_id": 1}},
        {"inputs": [good | {"parameters": {"shared_memory_region": "r"}}]},
        {"inputs": [good], "outputs": [{"name": "prediction"}, {"name": "prediction"}]},
        {"inputs": [good | {"shape": [21, 2], "data": [1] * 42}]},
        {"inputs": [good | {"parameters": {"binary_data_size": 8}}]},
    ):
        assert not api.judge.takes(schema, body), body
        assert 400 <= api.client.post(path, json=body).status_code < 500, body
