"""The last step: what is published, and what stops it."""

import zipfile
from pathlib import Path

from mulgam import checksums
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
