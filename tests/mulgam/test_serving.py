"""serving.json: what is to be served, and what is served where it is absent, damaged or names a bad version."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mulgam import serving
from mulgam.errors import RegistryError
from mulgam.registry import Registry
from mulgam.serving import Choice, Plan
from tests import builders

versions = st.integers(1, 999)
choices = st.builds(Choice, versions, shadow=st.none() | versions) | st.builds(
    Choice, versions, versions, st.floats(0, 1), st.none() | versions
)
plans = st.builds(Plan, st.integers(0, 10**9), st.dictionaries(st.text("abc-0", min_size=1), choices, max_size=3))


def add_version(registry: Registry, model: str, version: int, *, good: bool = True) -> None:
    """A copy of version 1 under another number, damaged where it is not good."""
    folder = Path(shutil.copytree(registry.root / model / "1", registry.root / model / str(version)))
    if not good:
        (folder / "model.onnx").write_bytes(b"")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans)
def test_what_is_written_is_what_is_read(tmp_path: Path, plan: Plan) -> None:
    """Defaults, canaries with their shares, shadows; nothing else is left in the registry."""
    registry = Registry(tmp_path)
    serving.write(registry, plan)
    assert serving.read(registry) == plan
    assert [path.name for path in tmp_path.iterdir()] == ["serving.json"]


def test_absent_means_the_highest_version_that_verifies(own_registry: Registry) -> None:
    """A damaged newer version is passed over, and said so."""
    add_version(own_registry, "notes", 2)
    add_version(own_registry, "notes", 3, good=False)
    plan = serving.read(own_registry)
    assert plan == Plan()
    entries, refused = serving.resolve(own_registry, plan)
    assert {model: entry.version for model, entry in entries.items()} == {"notes": 2, "shapes": 1}
    (problem,) = refused
    assert "notes/3/model.onnx is not the file that was published" in str(problem)


def test_a_plan_names_the_version_of_a_model(own_registry: Registry) -> None:
    """A rollback: version 1 is served though 2 is there. Models that it does not name go on as before."""
    add_version(own_registry, "notes", 2)
    add_version(own_registry, "shapes", 2)
    entries, refused = serving.resolve(own_registry, Plan(4, {"notes": Choice(1)}))
    assert {model: entry.version for model, entry in entries.items()} == {"notes": 1, "shapes": 2}
    assert refused == []


def test_a_named_version_that_is_bad_is_not_replaced_by_another(own_registry: Registry) -> None:
    """Nobody asked for the other one: the model is left out and the reason is told."""
    add_version(own_registry, "notes", 2, good=False)
    entries, refused = serving.resolve(own_registry, Plan(1, {"notes": Choice(2)}))
    assert set(entries) == {"shapes"}
    assert ["notes/2" in str(problem) for problem in refused] == [True]


@pytest.mark.parametrize(("model", "version"), [("notes", 7), ("nobody", 1)])
def test_a_plan_for_what_is_not_there_is_told(own_registry: Registry, model: str, version: int) -> None:
    """A version or a model that the registry does not hold is not passed over in silence."""
    entries, refused = serving.resolve(own_registry, Plan(1, {model: Choice(version)}))
    assert model not in entries
    assert [str(problem) for problem in refused] == [f"{own_registry.root} holds no version {version} of {model!r}."]


GOOD = '{"format": 1, "generation": 3, "models": {"notes": {"default": 1}}}'
DAMAGED = {
    "": "is not JSON",
    '{"format": 1': "is not JSON",
    "[]": "must hold a JSON object",
    '{"format": 2, "generation": 3, "models": {}}': "has format 2; this Mulgam reads format 1",
    '{"format": 1, "models": {}}': "lacks the field 'generation'",
    '{"format": 1, "generation": "3", "models": {}}': "'generation' has the wrong type, str",
    '{"format": 1, "generation": 3, "models": {}, "x": 1}': "unknown field 'x'",
    GOOD.replace('{"default": 1}', "1"): "'notes' must be a JSON object",
    GOOD.replace('{"default": 1}', "{}"): "'notes' lacks the field 'default'",
    GOOD.replace('"default": 1', '"default": true'): "'default' has the wrong type, bool",
    GOOD.replace('"default": 1', '"default": 1, "canary": 2'): "'canary' has the wrong type, int",
    GOOD.replace('"default": 1', '"default": 1, "canary": {"version": 2}'): "canary lacks the field 'share'",
    GOOD.replace('"default": 1', '"default": 1, "canary": {"version": 2, "share": 1.5}'): "between 0 and 1",
    GOOD.replace('"default": 1', '"default": 1, "default": 2'): "is not JSON",
}


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_plan_is_refused(tmp_path: Path, content: str) -> None:
    """It is there, so nobody falls back to the newest versions in silence."""
    (tmp_path / "serving.json").write_text(content)
    with pytest.raises(RegistryError, match=DAMAGED[content]):
        serving.read(Registry(tmp_path))


def test_a_plan_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """A folder stands in the file's place: one sentence, and no temporary file left over."""
    (tmp_path / "serving.json").mkdir()
    with pytest.raises(RegistryError, match=r"serving\.json can't be written: "):
        serving.write(Registry(tmp_path), Plan(1))
    assert [path.name for path in tmp_path.iterdir()] == ["serving.json"]


def test_a_plan_for_a_registry_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """There is nothing to serve."""
    with pytest.raises(RegistryError, match="can't be written: No such file"):
        serving.write(Registry(tmp_path / "none"), Plan(1))


def test_promoting_remembers_the_way_back(tmp_path: Path) -> None:
    """Without a plan the other highest version is it; promoting again what is served keeps it; rolling back swaps."""
    builders.publish_linear(tmp_path)
    builders.publish_linear(tmp_path, weights=(0.2, 0.3, 4.0))
    registry = Registry(tmp_path)
    assert serving.promote(registry, "notes").models["notes"] == Choice(2, previous=1)
    assert serving.promote(registry, "notes", 2).models["notes"] == Choice(2, previous=1)
    assert serving.rollback(registry, "notes").models["notes"] == Choice(1, previous=2)
    assert serving.rollback(registry, "notes").generation == 4
    assert serving.read(registry).models["notes"] == Choice(2, previous=1)


@pytest.mark.parametrize("action", [lambda registry: serving.rollback(registry, "notes"),
                                    lambda registry: serving.promote(registry, "notes", 9),
                                    lambda registry: serving.promote(registry, "nope")])  # fmt: skip
def test_what_can_not_be_served_is_not_written(tmp_path: Path, action: Callable[[Registry], object]) -> None:
    """Nothing promoted before, no such version, no such model: a sentence, and no file."""
    builders.publish_linear(tmp_path)
    with pytest.raises(RegistryError):
        action(Registry(tmp_path))
    assert not (tmp_path / "serving.json").exists()
