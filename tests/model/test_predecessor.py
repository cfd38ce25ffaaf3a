"""A version that is worse than the one that is served is published and does not take its place by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from model.__main__ import main
from model.publish import __main__ as publish
from model.release import predecessor
from model.release.predecessor import Predecessor
from model.release.release import release
from mulgam import minisign, serving
from mulgam.registry import Entry, Registry
from mulgam.trust import Trust
from tests import builders

ROWS = "".join(f"{n / 2},{n % 5},{2 * n + n % 3}\n" for n in range(200))
RECIPE = """
name = "tiny"
[data]
path = "tiny.csv"
target = "y"
[network]
kind = "plain"
hidden = []
[training]
epochs = %d
learning_rate = %g
"""


def _trained(folder: Path, text: str) -> Entry:
    (folder / "tiny.csv").write_text("a,b,y\n" + ROWS)
    (folder / "tiny.toml").write_text(text)
    registry = folder / "registry"
    assert main([str(folder / "tiny.toml"), "--registry", str(registry), "--runs", str(folder / "runs")]) == 0
    newest, _ = Registry(registry).newest("tiny")
    assert newest is not None
    return newest


def test_a_worse_version_does_not_replace_the_served_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both scores are shown and stored, and the old one is pinned."""
    registry = Registry(tmp_path / "registry")
    assert "predecessor" in json.loads((_trained(tmp_path, RECIPE % (60, 0.05)).path / "metrics.json").read_text())
    assert serving.read(registry).models == {}
    capsys.readouterr()
    second = _trained(tmp_path, RECIPE % (1, 1e-9))
    output = capsys.readouterr().out
    told = json.loads((second.path / "metrics.json").read_text())
    found = told["predecessor"]
    assert (found["version"], found["same_rows"], found["is_better"]) == (1, True, True)
    assert found["ours"] == told["scores"]["rmse"] > 2 * found["theirs"]
    assert f"rmse {found['theirs']:.4g} on the same held-out rows, the new one's {found['ours']:.4g}" in output
    assert "Beside version 1, which is served: rmse" in (second.path / "report.html").read_text(encoding="utf-8")
    assert "version 1 stays the default; `python -m mulgam promote tiny 2` serves version 2" in output
    assert serving.read(registry).models == {"tiny": serving.Choice(1)}
    entries, _ = serving.resolve(registry, serving.read(registry))
    assert entries["tiny"].version == 1


@pytest.mark.parametrize(
    ("score", "theirs", "ours", "better"),
    [
        ("rmse", 1.0, 1.019, False), ("rmse", 1.0, 1.021, True), ("rmse", 1.0, 0.5, False), ("rmse", 0.0, 0.1, True),
        ("accuracy", 0.9, 0.883, False), ("accuracy", 0.9, 0.881, True), ("accuracy", 0.9, 1.0, False),
    ],
)  # fmt: skip
def test_the_margin_is_a_share_of_the_old_score(score: str, theirs: float, ours: float, better: bool) -> None:
    """2 % here, in the direction in which the score is worse."""
    assert Predecessor(1, score, theirs, ours, True, 0.02).is_better == better


def _before(version: int, *, better: bool) -> Predecessor:
    return Predecessor(version, "rmse", 1.0, 2.0 if better else 0.5, True, 0.02)


def test_a_better_version_is_served_from_the_next_start_on(own_registry: Registry) -> None:
    """Nothing is written: without a plan the highest is served."""
    entry = own_registry.entry("notes", 1)
    assert "is served from the next start on" in predecessor.settle(
        own_registry, entry, _before(1, better=False), promote=False
    )
    assert not (own_registry.root / "serving.json").exists()


def test_a_version_that_nobody_trusted_has_signed_is_not_said_to_be_served(
    own_registry: Registry, tmp_path: Path
) -> None:
    """Where trust is asked for; with what is missing."""
    entry = own_registry.entry("notes", 1)
    (tmp_path / "release.pub").write_text(minisign.generate().public.text())
    trusting = Registry(own_registry.root, Trust(tmp_path))
    told = predecessor.settle(trusting, entry, None, promote=False)
    assert "is published, but not to be served: " in told
    assert "sign" in told


def test_a_worse_version_is_served_where_that_is_asked_for(own_registry: Registry) -> None:
    """`--promote`: the way back is kept."""
    entry = builders.publish_linear(own_registry.root)
    predecessor.settle(own_registry, entry, _before(1, better=True), promote=True)
    assert serving.read(own_registry).models == {"notes": serving.Choice(2, previous=1)}


def test_a_plan_of_a_person_stays(own_registry: Registry) -> None:
    """A rollback is not undone by a good run, nor by a bad one; the way to promote is told."""
    entry = builders.publish_linear(own_registry.root)
    plan = serving.Plan(3, {"notes": serving.Choice(1, previous=2)})
    serving.write(own_registry, plan)
    for better in (True, False):
        told = predecessor.settle(own_registry, entry, _before(1, better=better), promote=False)
        assert "`python -m mulgam promote notes 2` serves version 2" in told
    assert serving.read(own_registry) == plan


def _found(registry: Registry, task: str = "regression") -> Predecessor | None:
    features = builders.linear_signature().features[:2]
    promise = replace(builders.linear_signature(), features=features)
    table: Any = SimpleNamespace(task=task, classes=())
    return predecessor.find(registry, promise, table, np.arange(3), {"rmse": 0.6}, 0.02)


def test_a_version_with_other_features_is_compared_by_its_published_score(tmp_path: Path) -> None:
    """Its own rows are not these: that is said."""
    documents = replace(builders.DOCUMENTS, metrics={"scores": {"rmse": 0.5}})
    held_out = {"numeric": np.array(builders.NOTES_ROWS, dtype=np.float32)}
    registry = Registry(tmp_path)
    release(builders.Linear((1.0, 1.0, 1.0), 0.0), builders.linear_signature(), held_out, registry, documents)
    found = _found(registry)
    assert found == Predecessor(1, "rmse", 0.5, 0.6, False, 0.02)
    assert "on other rows, since the features differ" in str(found)


def _scored(registry: Registry, rmse: float | None) -> Entry:
    """A version of `notes` with this score, or with none, as one that was brought along."""
    documents = replace(builders.DOCUMENTS, metrics={"scores": {} if rmse is None else {"rmse": rmse}})
    held_out = {"numeric": np.array(builders.NOTES_ROWS, dtype=np.float32)}
    return release(builders.Linear((1.0, 1.0, 1.0), 0.0), builders.linear_signature(), held_out, registry, documents)


def test_a_version_without_scores_hides_no_better_one(tmp_path: Path) -> None:
    """Where the served one has none, the last one with scores counts; the served one stays, and that is said."""
    registry = Registry(tmp_path)
    for rmse in (0.1, 0.5, None):
        entry = _scored(registry, rmse)
    found = _found(registry)
    assert found == Predecessor(2, "rmse", 0.5, 0.6, False, 0.02, instead_of=3)
    assert found.is_better
    assert "version 2, the last one with scores before version 3, which is served and has none: rmse 0.5" in str(found)
    assert "version 3 stays the default" in predecessor.settle(registry, _scored(registry, 0.6), found, promote=False)
    assert serving.read(registry).models == {"notes": serving.Choice(entry.version)}
    serving.write(registry, serving.Plan(7, {"notes": serving.Choice(3, previous=1)}))
    found = _found(registry)
    assert found is not None
    assert (found.version, found.instead_of) == (1, 3)  # what was served before, not what was published before


@pytest.mark.parametrize("promote", [False, True])
def test_a_model_that_is_brought_along_does_not_replace_one_with_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], promote: bool
) -> None:
    """`mulgam publish` says both facts and the way to promote; `--promote` takes it."""
    monkeypatch.chdir(tmp_path)
    registry = Registry(tmp_path / "registry")
    _scored(registry, 0.143)
    torch.jit.save(torch.jit.script(builders.Linear((1.0, 1.0, 1.0), 0.0)), "m.pt")
    (tmp_path / "s.toml").write_text('[[features]]\nname = "x"\n[[features]]\nname = "y"\n[[features]]\nname = "z"\n')
    asked = ["m.pt", "--signature", "s.toml", "--name", "notes", *(["--promote"] if promote else [])]
    assert publish.main(asked) == 0
    output = capsys.readouterr().out
    assert "version 1, which is served: rmse 0.143; the new one has no scores" in output
    entries, _ = serving.resolve(registry, serving.read(registry))
    if promote:
        assert "version 2 is served from now on, as asked" in output
        assert entries["notes"].version == 2
    else:
        assert "version 1 stays the default; `python -m mulgam promote notes 2` serves version 2" in output
        assert entries["notes"].version == 1


def test_the_first_model_that_is_brought_along_is_served(tmp_path: Path) -> None:
    """And so is the next one: neither has scores that could speak against it."""
    registry = Registry(tmp_path)
    assert predecessor.beside_unscored(registry, "notes") is None
    _scored(registry, None)
    assert predecessor.beside_unscored(registry, "notes") is None


def test_a_version_without_scores_is_not_compared(registry: Registry, tmp_path: Path) -> None:
    """As one that was brought along; nor is there anything before the first."""
    assert _found(registry) is None
    assert _found(Registry(tmp_path)) is None
