"""The registry: numbers that never come twice, versions that are whole or not there, names that stay inside."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mulgam import checksums
from mulgam.errors import RegistryError
from mulgam.registry import FILES, Entry, Registry
from tests.processes import ROOT


@pytest.fixture
def empty(tmp_path: Path) -> Registry:
    """A registry that is not there yet."""
    return Registry(tmp_path / "registry")


def fill(staged: Path, source: Entry) -> None:
    """What a training run writes: the files of a published version, without their sums."""
    for name in FILES:
        shutil.copyfile(source.path / name, staged / name)


def publish(target: Registry, source: Entry) -> Entry:
    """Publish a version once more."""
    with target.staging() as staged:
        fill(staged, source)
        return target.publish(staged, source.model)


@pytest.fixture
def notes(registry: Registry) -> Entry:
    """A good version to publish again."""
    return registry.entry("notes", 1)


def test_versions_are_numbered_from_1(empty: Registry, notes: Entry) -> None:
    """1, 2, 3, each with its files, its sums and its digest; other models count for themselves."""
    published = [publish(empty, notes) for _ in range(3)]
    assert [entry.version for entry in published] == empty.versions("notes") == [1, 2, 3]
    assert {path.name for path in published[2].path.iterdir()} == {*FILES, "SHA256SUMS"}
    assert {entry.digest for entry in published} == {notes.digest}
    assert empty.models() == ["notes"]
    assert empty.entry("notes", 2) == published[1]


def test_versions_sort_as_numbers(empty: Registry, notes: Entry) -> None:
    """10 comes after 9."""
    publish(empty, notes)
    for version in (9, 10):
        shutil.copytree(empty.root / "notes" / "1", empty.root / "notes" / str(version))
    assert empty.versions("notes") == [1, 9, 10]
    newest, refused = empty.newest("notes")
    assert (newest and newest.version, refused) == (10, [])
    assert publish(empty, notes).version == 11


def test_a_number_is_never_used_again(empty: Registry, notes: Entry) -> None:
    """Not even that of the newest version after it was removed: clients and logs know it."""
    for _ in range(2):
        publish(empty, notes)
    shutil.rmtree(empty.root / "notes" / "2")
    assert publish(empty, notes).version == 3
    shutil.rmtree(empty.root / "notes" / "3")
    shutil.rmtree(empty.root / "notes" / "1")
    assert publish(empty, notes).version == 4


def _publish_some(root: Path, source: Entry, barrier: object, found: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(5):
        found.put(publish(Registry(root), source).version)  # type: ignore[attr-defined]


def test_runs_that_publish_at_once_get_numbers_of_their_own(empty: Registry, notes: Entry) -> None:
    """Three processes, five versions each: 1 to 15, none lost and none replaced."""
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(3), context.Queue()
    runs = [context.Process(target=_publish_some, args=(empty.root, notes, barrier, found)) for _ in range(3)]
    for run in runs:
        run.start()
    versions = [found.get(timeout=60) for _ in range(15)]
    for run in runs:
        run.join(60)
        assert run.exitcode == 0
    assert sorted(versions) == empty.versions("notes") == list(range(1, 16))


KILLED = """
import sys, time
from pathlib import Path
from mulgam.registry import Registry
with Registry(Path(sys.argv[1])).staging() as folder:
    (folder / "model.pt").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def _run_that_stages(root: Path) -> tuple[subprocess.Popen[str], Path]:
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    return run, Path(run.stdout.readline().strip())


def test_a_killed_run_leaves_no_version_and_the_next_run_cleans_up(empty: Registry, notes: Entry) -> None:
    """While it lives its folder is its own; killed, nothing was published and the next run removes the rest."""
    run, staged = _run_that_stages(empty.root)
    try:
        publish(empty, notes)
        assert (staged / "model.pt").exists()
    finally:
        run.send_signal(signal.SIGKILL)
        run.communicate(timeout=10)
    assert staged.exists()
    assert empty.versions("notes") == [1]
    publish(empty, notes)
    assert not staged.exists()
    assert [path.name for path in staged.parent.iterdir()] == [".lock"]


def test_a_run_killed_before_it_locked_its_folder_is_cleaned_up_too(empty: Registry, notes: Entry) -> None:
    """Folder and lock are made one after the other, and a kill can come between."""
    publish(empty, notes)
    orphan = empty.root / ".staging" / "tmporphan"
    orphan.mkdir()
    publish(empty, notes)
    assert not orphan.exists()


def test_a_run_that_fails_leaves_nothing(empty: Registry) -> None:
    """An exception on the way: no version, no staging folder."""
    with contextlib.suppress(ArithmeticError), empty.staging() as staged:
        (staged / "model.pt").write_text("half")
        raise ArithmeticError
    assert list((empty.root / ".staging").iterdir()) == [empty.root / ".staging" / ".lock"]
    assert empty.models() == []


@pytest.mark.parametrize("name", ["model.onnx", "golden.json", "environment.json"])
def test_a_version_lacking_a_file_is_not_published(empty: Registry, notes: Entry, name: str) -> None:
    """All documents and at least one form of the model."""
    with empty.staging() as staged:
        fill(staged, notes)
        (staged / name).unlink()
        if name == "model.onnx":
            (staged / "model.pt").unlink()
        with pytest.raises(RegistryError, match=f"'{name}' is missing or not one of them"):
            empty.publish(staged, "notes")
    assert empty.versions("notes") == []


@pytest.mark.parametrize(("lacking", "runtime"), [("model.pt", "onnx"), ("model.onnx", "torchscript")])
def test_a_version_may_have_the_model_in_one_form(empty: Registry, notes: Entry, lacking: str, runtime: str) -> None:
    """It tells which runtime can compute it, and is what was published only while that form is there."""
    with empty.staging() as staged:
        fill(staged, notes)
        (staged / lacking).unlink()
        entry = empty.publish(staged, "notes")
    assert entry.runtimes == (runtime,)
    assert {entry.runtime(wanted) for wanted in ("onnx", "torchscript")} == {runtime}
    assert notes.runtime("onnx") == "onnx"
    (entry.path / {"onnx": "model.onnx", "torchscript": "model.pt"}[runtime]).unlink()
    with pytest.raises(RegistryError, match="is missing or not a plain file"):
        empty.entry("notes", 1)


def test_a_form_that_was_removed_is_missed(own_registry: Registry) -> None:
    """One form is enough for publishing, not for a version that was published with two."""
    (own_registry.root / "notes" / "1" / "model.onnx").unlink()
    with pytest.raises(RegistryError, match=r"model\.onnx is missing"):
        own_registry.entry("notes", 1)


def test_a_version_with_a_file_more_is_not_published(empty: Registry, notes: Entry) -> None:
    """Nobody's data lands in a registry by accident."""
    with empty.staging() as staged:
        fill(staged, notes)
        (staged / "customers.csv").write_text("")
        with pytest.raises(RegistryError, match=r"'customers\.csv' is missing or not one of them"):
            empty.publish(staged, "notes")
    assert empty.versions("notes") == []


@pytest.mark.parametrize(("name", "sentence"), [("signature.json", "can't be read"), ("golden.json", "can't be read")])
def test_a_version_that_can_not_be_read_is_not_published(
    empty: Registry, notes: Entry, name: str, sentence: str
) -> None:
    """What serving would refuse never gets a number."""
    with empty.staging() as staged:
        fill(staged, notes)
        (staged / name).write_text("{")
        with pytest.raises(RegistryError, match=sentence):
            empty.publish(staged, "notes")
    assert empty.versions("notes") == []


def test_a_version_is_not_published_under_another_models_name(empty: Registry, notes: Entry) -> None:
    """The signature says whose version it is."""
    with empty.staging() as staged:
        fill(staged, notes)
        with pytest.raises(RegistryError, match="a version of 'notes', not of 'house'"):
            empty.publish(staged, "house")
    assert empty.versions("house") == []


BAD_NAMES = [
    "", ".", "..", "../notes", "notes/1", "/etc", "a b", "-x", "_x", "모델", "x" * 64, "notes\n", "a\0b", "a.b",
    ".staging",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_none_is_refused(own_registry: Registry, notes: Entry, name: str) -> None:
    """Neither published nor looked for; nothing outside the registry is touched."""
    with own_registry.staging() as staged:
        fill(staged, notes)
        with pytest.raises(RegistryError, match="is no model name"):
            own_registry.publish(staged, name)
    assert own_registry.versions(name) == []
    with pytest.raises(RegistryError, match="holds no version 1"):
        own_registry.entry(name, 1)


@pytest.mark.parametrize("odd", ["0", "01", "-1", "1.0", "latest", "1 ", "9999999999", "١"])
def test_a_folder_that_is_no_number_is_no_version(own_registry: Registry, odd: str) -> None:
    """Nor is a file with a number for its name."""
    shutil.copytree(own_registry.root / "notes" / "1", own_registry.root / "notes" / odd)
    (own_registry.root / "notes" / "7").write_text("")
    assert own_registry.versions("notes") == [1]


def test_a_file_in_a_versions_place_is_stepped_over(own_registry: Registry, notes: Entry) -> None:
    """It is not replaced; the version takes the next number."""
    (own_registry.root / "notes" / "2").write_text("mine")
    assert publish(own_registry, notes).version == 3
    assert (own_registry.root / "notes" / "2").read_text() == "mine"


def test_files_beside_the_models_are_no_models(own_registry: Registry) -> None:
    """serving.json, notes of a person, empty folders."""
    (own_registry.root / "serving.json").write_text("{}")
    (own_registry.root / "README").write_text("")
    (own_registry.root / "nothing-yet").mkdir()
    assert own_registry.models() == ["notes", "shapes"]


def test_a_registry_that_is_not_there_holds_nothing(empty: Registry) -> None:
    """No error: nothing was published yet."""
    assert (empty.models(), empty.versions("notes"), empty.newest("notes")) == ([], [], (None, []))


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _unlist(name: str) -> Callable[[Path], None]:
    """Remove a file's line from the sums, so that nothing covers it."""

    def change(folder: Path) -> None:
        lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
        (folder / "SHA256SUMS").write_text("".join(line for line in lines if not line.endswith(f"  {name}\n")))

    return change


def _rename_in_signature(folder: Path) -> None:
    path = folder / "signature.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"notes"', '"house"'), encoding="utf-8")
    checksums.write(folder)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file altered": (lambda folder: _flip(folder / "model.pt"), r"model\.pt is not the file that was published"),
    "a file missing": (lambda folder: (folder / "report.html").unlink(), r"report\.html is missing"),
    "no sums": (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS can't be read"),
    "a file that no sum covers": (_unlist("model.pt"), r"model\.pt is not listed in SHA256SUMS"),
    "another model's": (_rename_in_signature, "is a version of 'house', not of 'notes'"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_version_is_refused_and_the_one_before_is_served(
    own_registry: Registry, notes: Entry, case: str
) -> None:
    """`entry` says what is wrong; `newest` passes over it and tells so."""
    change, sentence = DAMAGE[case]
    change(publish(own_registry, notes).path)
    with pytest.raises(RegistryError, match=sentence):
        own_registry.entry("notes", 2)
    newest, refused = own_registry.newest("notes")
    assert newest is not None
    assert newest.version == 1
    assert [str(problem) for problem in refused]


def test_a_version_that_is_not_there_is_named(registry: Registry) -> None:
    """With the registry and the model."""
    with pytest.raises(RegistryError, match="holds no version 9 of 'notes'"):
        registry.entry("notes", 9)


def test_a_registry_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    """A file stands in the folder's place (which stops root as well); one sentence."""
    (tmp_path / "registry").write_text("")
    with pytest.raises(RegistryError, match=r"registry can't be written: "), Registry(tmp_path / "registry").staging():
        pytest.fail("staged")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_registry_is_read_and_not_written(own_registry: Registry) -> None:
    """Serving needs no write permission."""
    own_registry.root.chmod(0o555)
    try:
        assert own_registry.entry("notes", 1).version == 1
        with pytest.raises(RegistryError, match="can't be written: Permission denied"), own_registry.staging():
            pytest.fail("staged")
    finally:
        own_registry.root.chmod(0o755)


def test_a_published_version_can_be_read_by_everyone(empty: Registry, notes: Entry) -> None:
    """Serving often runs as another user than training."""
    entry = publish(empty, notes)
    for path in (entry.path, *entry.path.iterdir()):
        assert path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH) == stat.S_IRGRP | stat.S_IROTH, path
    assert stat.S_IMODE(entry.path.stat().st_mode) == 0o755


def test_a_copy_of_an_entry_holds_and_releases_nothing(own_registry: Registry) -> None:
    """It may go to another process, where the lock's descriptor is some other file's."""
    entry = own_registry.entry("notes", 1)
    copy = pickle.loads(pickle.dumps(entry))
    assert copy == entry
    del copy
    gc.collect()
    with pytest.raises(RegistryError, match="in use"):
        own_registry.remove("notes", 1)
