"""`mulgam prune`: old versions go, whatever is served or could be gone back to stays, numbers never come again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mulgam import promotion, serving
from mulgam.errors import RegistryError
from mulgam.pruning import main
from mulgam.registry import Registry
from tests.mulgam.test_registry import publish
from tests.processes import ROOT


@pytest.fixture
def five(own_registry: Registry) -> Registry:
    """`notes` 1 to 5 and `shapes` 1."""
    source = own_registry.entry("notes", 1)
    for _ in range(4):
        publish(own_registry, source)
    return own_registry


def prune(registry: Registry, *arguments: str) -> int:
    """The command's exit code."""
    return main([*arguments, "--registry", str(registry.root)])


def test_the_last_ones_stay(five: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """Each removal is told with its size; nothing of a removed version is left."""
    assert prune(five, "--keep", "2") == 0
    assert five.versions("notes") == [4, 5]
    assert five.versions("shapes") == [1]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["notes 1", "notes 2", "notes 3"]
    assert all(line.endswith("MB removed") for line in lines)
    assert [path.name for path in (five.root / ".staging").iterdir()] == [".lock"]


def test_a_number_is_not_given_again(five: Registry) -> None:
    """The highest stays, and the count goes on from it."""
    prune(five, "notes", "--keep", "1")
    assert five.versions("notes") == [5]
    assert publish(five, five.entry("notes", 5)).version == 6


def test_a_dry_run_removes_nothing(five: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would go."""
    assert prune(five, "--keep", "4", "--dry-run") == 0
    assert five.versions("notes") == [1, 2, 3, 4, 5]
    assert capsys.readouterr().out.startswith("notes 1: 0.0 MB would be removed")


def test_what_the_plan_names_stays(five: Registry) -> None:
    """Default, previous, canary and shadow."""
    serving.write(five, serving.Plan(1, {"notes": serving.Choice(1, canary=3, share=0.1, previous=2)}))
    prune(five, "--keep", "1")
    assert five.versions("notes") == [1, 2, 3, 5]
    serving.write(five, serving.Plan(2, {"notes": serving.Choice(5, shadow=3)}))
    prune(five, "--keep", "1")
    assert five.versions("notes") == [3, 5]
    assert promotion.main(["promote", "notes", "3", "--registry", str(five.root)]) == 0


def test_what_is_served_for_lack_of_a_better_stays(five: Registry) -> None:
    """The highest that verifies, where higher ones are damaged and no plan says which."""
    for version in (4, 5):
        (five.root / "notes" / str(version) / "golden.json").write_text("{}")
    prune(five, "--keep", "2")
    assert five.versions("notes") == [3, 4, 5]


SERVING = """
import sys
from pathlib import Path
from mulgam.registry import Registry
entry = Registry(Path(sys.argv[1])).entry("notes", 2)
print("held", flush=True)
sys.stdin.read()
"""


def test_what_a_process_holds_stays(five: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that was started before newer versions came serves on, and can be restarted."""
    command = [sys.executable, "-c", SERVING, str(five.root)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert prune(five, "notes", "--keep", "1") == 0
        assert five.versions("notes") == [2, 5]
        assert "notes 2: kept. Version 2 of 'notes' is in use and stays." in capsys.readouterr().out
        process.communicate("")
    prune(five, "notes", "--keep", "1")
    assert five.versions("notes") == [5]


def test_a_run_that_publishes_is_waited_for(five: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """By whoever prunes: nothing is removed meanwhile."""
    with five.staging():
        assert prune(five, "--keep", "1") == 1
    assert "A run is publishing into" in capsys.readouterr().err
    assert five.versions("notes") == [1, 2, 3, 4, 5]


def test_a_damaged_plan_removes_nothing(five: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """It could name anything."""
    (five.root / "serving.json").write_text("{")
    assert prune(five, "--keep", "1") == 1
    assert "serving.json can't be read" in capsys.readouterr().err
    assert five.versions("notes") == [1, 2, 3, 4, 5]


def test_a_damaged_version_can_be_removed(five: Registry) -> None:
    """Even one without its sums."""
    (five.root / "notes" / "1" / "SHA256SUMS").unlink()
    prune(five, "--keep", "4")
    assert five.versions("notes") == [2, 3, 4, 5]


@pytest.mark.parametrize("keep", ["0", "-1", "two"])
def test_one_version_must_stay(five: Registry, keep: str) -> None:
    """Wrong usage, not an empty registry."""
    with pytest.raises(SystemExit) as ended:
        prune(five, "--keep", keep)
    assert ended.value.code == 2
    assert five.versions("notes") == [1, 2, 3, 4, 5]


def test_a_model_that_is_not_there_is_named(five: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is removed."""
    assert prune(five, "notes", "houses", "--keep", "1") == 1
    assert "holds no version of 'houses'" in capsys.readouterr().err
    assert five.versions("notes") == [1, 2, 3, 4, 5]


def test_nothing_to_remove_is_said(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """A registry of first versions."""
    assert main(["--keep", "1", "--registry", str(registry.root)]) == 0
    assert capsys.readouterr().out == "Nothing to remove.\n"


def test_a_version_that_is_not_there_can_not_be_removed(five: Registry) -> None:
    """One sentence."""
    with pytest.raises(RegistryError, match="holds no version 9 of 'notes'"):
        five.remove("notes", 9)


def test_a_registry_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is not there is said to be so."""
    assert main(["--keep", "1", "--registry", str(tmp_path / "none")]) == 1
    assert "can't be written" in capsys.readouterr().err
