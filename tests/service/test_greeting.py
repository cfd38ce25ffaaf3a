"""What is printed at the start: an address that works, and a request that can be pasted."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from mulgam.registry import Entry, Registry
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from service.settings import Settings
from service.supervisor.greeting import MAX_FEATURES, example, greeting


def signature(*features: Feature) -> Signature:
    """A model of these features."""
    target = Target("y")
    return Signature("m", "regression", features, target, graph_inputs(features), graph_outputs(target), {})


def entry(*features: Feature, model: str = "m") -> Entry:
    """A version of such a model."""
    made = Entry(model, 3, Path(model, "3"), "ab" * 32)
    vars(made)["signature"] = signature(*features)  # as if it had been read from the file
    return made


def pasted(text: str) -> list[str]:
    """The words of the command as a shell reads them."""
    return shlex.split(text[text.index("  curl ") :])


def test_the_address_the_models_and_a_request_are_named(registry: Registry) -> None:
    """Each model with version, task and digest; the request is for one of them and has the features' names."""
    entries = [registry.entry("notes", 1), registry.entry("shapes", 1)]
    text = greeting(Settings(), entries)
    assert "http://127.0.0.1:8000 (health and metrics: port 8001)" in text
    for one in entries:
        assert f"  {one.model}, version 1, {one.signature.task}, digest {one.digest[:12]}\n" in text
    command = pasted(text)
    assert command[1] == "http://127.0.0.1:8000/predict/notes"
    (instance,) = json.loads(command[-1])["instances"]
    assert set(instance) == {"area", "rooms", "distance"}


def test_the_page_is_named_where_there_is_one(registry: Registry) -> None:
    """An address to open, even where no request is short enough to be shown."""
    wide = entry(*(Feature(f"f{number}", "number") for number in range(MAX_FEATURES + 1)))
    assert "Open http://127.0.0.1:8000/ in a browser." in greeting(Settings(), [wide])
    assert "browser" not in greeting(Settings(page="no"), [registry.entry("notes", 1)])


def test_the_request_shows_where_the_key_goes(registry: Registry) -> None:
    """Where the service wants one; the key itself is nowhere."""
    entries = [registry.entry("notes", 1)]
    settings = Settings(api_keys_file="keys")  # pragma: allowlist secret
    assert "Authorization: Bearer $KEY" in pasted(greeting(settings, entries))
    assert "Authorization" not in greeting(Settings(), entries)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("10.0.0.5", "http://10.0.0.5:8000"),
    ],
)
def test_the_address_can_be_opened(host: str, address: str, registry: Registry) -> None:
    """An address to listen on is not always one to call; one of IPv6 stands in brackets."""
    text = greeting(Settings(host=host), [registry.entry("notes", 1)])
    assert f"Mulgam serves {address} " in text
    assert pasted(text)[1] == f"{address}/predict/notes"


def test_the_example_is_from_the_middle_of_what_was_seen() -> None:
    """Numbers in three digits, whole ones without a point, the first known word, true."""
    features = (
        Feature("area", "number", minimum=10.0, maximum=57.31),
        Feature("rooms", "number", minimum=2.0, maximum=4.0),
        Feature("below", "number", minimum=-0.0031, maximum=-0.001),
        Feature("zero", "number"),
        Feature("town", "category", vocabulary=("서울", "부산")),
        Feature("new", "boolean"),
    )
    assert example(signature(*features)) == {
        "area": 33.7, "rooms": 3, "below": -0.00205, "zero": 0, "town": "서울", "new": True,
    }  # fmt: skip
    assert example(signature(Feature("sentence", "text", length=8))) == {"sentence": "text"}


def test_no_name_breaks_out_of_the_command() -> None:
    """Quotes, dollars and backticks in names of features and categories arrive as they are."""
    names = ("owner's age", '"; echo $(id)', "`id`", "a\\b")
    features = tuple(Feature(name, "category", vocabulary=(f"it's {name}",)) for name in names)
    body = json.loads(pasted(greeting(Settings(), [entry(*features)]))[-1])
    assert body == {"instances": [{name: f"it's {name}" for name in names}]}


def test_the_shortest_request_is_shown_and_a_long_one_is_not() -> None:
    """A line to paste should fit a terminal."""
    wide = [Feature(f"f{number}", "number") for number in range(MAX_FEATURES + 1)]
    both = greeting(Settings(), [entry(*wide[:-1], model="wide"), entry(wide[0], model="narrow")])
    assert "/predict/narrow" in both
    assert "/predict/wide" not in both
    alone = greeting(Settings(), [entry(*wide, model="wider")])
    assert "curl" not in alone
    assert "wider, version 3" in alone
