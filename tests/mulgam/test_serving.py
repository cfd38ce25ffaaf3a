"""serving.json: what is to be served, and what is served where it is absent, damaged or names a bad version."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mulgam import promotion, serving
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


@pytest.fixture
def three(own_registry: Registry) -> Registry:
    """Three versions of `notes`, of which the first is the default, beside one of `shapes`."""
    add_version(own_registry, "notes", 2)
    add_version(own_registry, "notes", 3)
    serving.promote(own_registry, "notes", 1)
    return own_registry


def test_versions_are_tried_beside_the_default_until_one_is_promoted(three: Registry) -> None:
    """Canary and shadow leave each other and the default alone; promoting without a number takes the canary."""
    previous = serving.read(three).models["notes"].previous
    assert serving.canary(three, "notes", 2, 0.05).models["notes"] == Choice(1, 2, 0.05, None, previous)
    assert serving.shadow(three, "notes", 3).models["notes"] == Choice(1, 2, 0.05, 3, previous)
    assert serving.canary(three, "notes", 2, 0.5).models["notes"] == Choice(1, 2, 0.5, 3, previous)
    assert serving.end(three, "notes", "shadow").models["notes"] == Choice(1, 2, 0.5, None, previous)
    assert serving.promote(three, "notes").models["notes"] == Choice(2, previous=1)
    serving.canary(three, "notes", 3, 0.05)
    assert serving.end(three, "notes", "canary").models["notes"] == Choice(2, previous=1)
    serving.shadow(three, "notes", 3)
    assert serving.rollback(three, "notes").models["notes"] == Choice(1, previous=2)


BAD_TRIALS: dict[str, Callable[[Registry], object]] = {
    "holds no version 9 of 'notes'": lambda registry: serving.canary(registry, "notes", 9, 0.05),
    "holds no version 1 of 'nope'": lambda registry: serving.shadow(registry, "nope", 1),
    "Version 1 of 'notes' is the default; ": lambda registry: serving.canary(registry, "notes", 1, 0.05),
    "Version 1 of 'shapes' is the default (the highest; ": lambda registry: serving.shadow(registry, "shapes", 1),
    "share must lie between 0 and 1, without these, not 1.": lambda registry: serving.canary(registry, "notes", 2, 1),
    "share must lie between 0 and 1, without these, not 0.": lambda registry: serving.canary(registry, "notes", 2, 0),
    "not nan": lambda registry: serving.canary(registry, "notes", 2, float("nan")),
    "There is no canary of 'notes'": lambda registry: serving.end(registry, "notes", "canary"),
    "There is no shadow of 'nope'": lambda registry: serving.end(registry, "nope", "shadow"),
}


@pytest.mark.parametrize("sentence", BAD_TRIALS)
def test_a_trial_that_can_not_be_is_not_written(three: Registry, sentence: str) -> None:
    """Unknown, the default itself, no share: a sentence, and the plan stays as it was."""
    before = serving.read(three)
    with pytest.raises(RegistryError, match=re.escape(sentence)):
        BAD_TRIALS[sentence](three)
    assert serving.read(three) == before


def test_a_trial_that_does_not_verify_is_left_out(three: Registry) -> None:
    """The default is served all the same, and the reason is told under model and role."""
    plan = serving.canary(three, "notes", 2, 0.05)
    plan = serving.shadow(three, "notes", 3)
    (three.root / "notes" / "2" / "model.onnx").write_bytes(b"")
    entries, _ = serving.resolve(three, plan)
    choices, refused = serving.line_ups(three, plan, entries)
    assert (choices["notes"].default, choices["notes"].trials) == (1, {"shadow": 3})
    assert list(refused) == ["notes canary"]


def test_a_version_has_one_role(three: Registry) -> None:
    """The commands refuse a second one; in a plan that somebody wrote by hand it does not count."""
    serving.canary(three, "notes", 2, 0.05)
    with pytest.raises(RegistryError, match="Version 2 of 'notes' is the canary; end that first"):
        serving.shadow(three, "notes", 2)
    plan = Plan(9, {"notes": Choice(1, canary=1, share=0.5, shadow=3), "shapes": Choice(1, shadow=1)})
    entries, _ = serving.resolve(three, plan)
    choices, refused = serving.line_ups(three, plan, entries)
    assert (choices["notes"].trials, choices["shapes"].trials) == ({"shadow": 3}, {})
    assert set(refused) == {"notes canary", "shapes shadow"}


def test_the_commands_write_and_say_it(three: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command tells in a sentence what is to be served; wrong usage ends with 2, a refusal with 1."""
    where = ["--registry", str(three.root)]
    assert promotion.main(["canary", "notes", "2", *where]) == 0
    assert "version 2 is to get 5 % of the requests, version 1 the rest" in capsys.readouterr().out
    assert promotion.main(["shadow", "notes", "3", *where]) == 0
    assert "version 3 is to compute beside version 1" in capsys.readouterr().out
    assert promotion.main(["canary", "notes", "--off", *where]) == 0
    assert serving.read(three).models["notes"].trials == {"shadow": 3}
    assert promotion.main(["canary", "notes", "1", *where]) == 1
    assert "is the default" in capsys.readouterr().err
    for wrong in (["canary", "notes"], ["shadow", "notes", "2", "--off"]):
        with pytest.raises(SystemExit, match="2"):
            promotion.main([*wrong, *where])
