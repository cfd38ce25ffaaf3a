"""The last step: what is published, and what stops it."""

import errno
import json
import os
import platform
import zipfile
from pathlib import Path

import pytest
import torch

from model.data import house_price
from model.release import environment
from mulgam import checksums
from mulgam.errors import RegistryError
from mulgam.registry import FILES, Registry
from tests.builders import publish_linear, publish_tiny_classifier


def test_a_release_publishes_every_file_of_a_version(tmp_path: Path) -> None:
    """A published version holds exactly the files of the contract, and they verify."""
    entry = publish_linear(tmp_path)
    assert {path.name for path in entry.path.iterdir()} == {*FILES, checksums.FILE_NAME}
    assert Registry(tmp_path).entry("notes", 1).digest == entry.digest


def test_equal_modules_give_equal_versions(tmp_path: Path) -> None:
    """The same module published twice has the same digest: no date, path or random id is inside."""
    assert publish_tiny_classifier(tmp_path / "a").digest == publish_tiny_classifier(tmp_path / "b").digest


def test_no_path_of_this_machine_is_published(tmp_path: Path) -> None:
    """Neither model file nor document holds the path of the source tree or of the user's home."""
    entry = publish_linear(tmp_path)
    here = str(Path(__file__).resolve().parents[2]).encode()
    for path in entry.path.iterdir():
        content = path.read_bytes()
        if path.suffix == ".pt":
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(name) for name in archive.namelist())
        assert here not in content, path.name
        assert str(Path.home()).encode() not in content, path.name


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk in the middle of writing publishes nothing and leaves no half-written folder."""
    written = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "golden.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RegistryError, match=r"'notes' can't be written to .*: No space left on device\."):
        publish_linear(tmp_path)
    assert Registry(tmp_path).models() == []
    assert [path.name for path in (tmp_path / ".staging").iterdir()] == [".lock"]


def test_what_a_version_says_of_its_making_names_nobody(tmp_path: Path) -> None:
    """The environment tells versions, platform, seed and data, and no path, user or host."""
    table = house_price.generate(20)
    found = environment.document(table, torch.device("cpu"), threads=1, seed=3)
    assert found["libraries"]["torch"] == torch.__version__
    assert found["data"] == {"sha256": table.sha256, "rows": 20, "features": 3}
    text = json.dumps(found)
    assert platform.node() not in text or not platform.node()
    assert str(Path.home()) not in text
