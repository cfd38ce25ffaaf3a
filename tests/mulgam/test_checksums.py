"""SHA256SUMS: any change shows, and coreutils reads the file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mulgam import checksums
from mulgam.errors import RegistryError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files and their sums."""
    target = tmp_path / "version"
    target.mkdir()
    (target / "model.pt").write_bytes(bytes(range(100)))
    (target / "signature.json").write_text("{}")
    checksums.write(target)
    return target


def test_the_digest_is_the_sums_own_sha256(folder: Path) -> None:
    """Written, verified and computed by hand, it is the same."""
    expected = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    assert checksums.verify(folder) == expected == checksums.write(folder)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no coreutils here")
def test_coreutils_accepts_the_file(folder: Path) -> None:
    """`sha256sum -c SHA256SUMS` works in any version's folder, and notices a change."""
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
    (folder / "signature.json").write_text("{ }")
    assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["model.pt", "signature.json"]), st.integers(0, 99), st.integers(1, 255))
def test_any_changed_byte_is_refused(folder: Path, name: str, position: int, change: int) -> None:
    """Wherever it lies and whatever it becomes."""
    content = (folder / name).read_bytes()
    altered = bytearray(content)
    altered[position % len(altered)] ^= change
    (folder / name).write_bytes(altered)
    with pytest.raises(RegistryError, match="not the file that was published"):
        checksums.verify(folder)
    (folder / name).write_bytes(content)
    checksums.verify(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 160), st.integers(1, 255))
def test_any_changed_byte_of_the_sums_is_refused_or_changes_the_digest(
    folder: Path, position: int, change: int
) -> None:
    """There is no second way to write the same sums."""
    content = (folder / "SHA256SUMS").read_bytes()
    digest = checksums.verify(folder)
    altered = bytearray(content)
    altered[position % len(altered)] ^= change
    (folder / "SHA256SUMS").write_bytes(altered)
    try:
        assert checksums.verify(folder) != digest
    except RegistryError as problem:
        assert str(folder) in str(problem)  # noqa: PT017 - either outcome is right
    finally:
        (folder / "SHA256SUMS").write_bytes(content)


@pytest.mark.parametrize("appended", [b"x", b"\n"])
def test_a_longer_file_is_refused(folder: Path, appended: bytes) -> None:
    """Appending is a change too."""
    with (folder / "model.pt").open("ab") as file:
        file.write(appended)
    with pytest.raises(RegistryError, match=r"model\.pt is not the file that was published"):
        checksums.verify(folder)


def test_a_missing_file_is_refused_unless_it_is_not_required(folder: Path) -> None:
    """An archive carries some of a version's files; those that are there are checked all the same."""
    (folder / "model.pt").unlink()
    with pytest.raises(RegistryError, match=r"model\.pt is missing or not a plain file"):
        checksums.verify(folder)
    checksums.verify(folder, required=["signature.json"])
    (folder / "model.pt").write_bytes(b"another")
    with pytest.raises(RegistryError, match=r"model\.pt is not the file that was published"):
        checksums.verify(folder, required=["signature.json"])


def test_a_required_file_that_is_not_listed_is_refused(folder: Path) -> None:
    """What no checksum covers may not be loaded, though it is there."""
    (folder / "golden.json").write_text("{}")
    with pytest.raises(RegistryError, match=r"golden\.json is not listed in SHA256SUMS"):
        checksums.verify(folder, required=["golden.json"])


@pytest.mark.parametrize("required", [None, ["signature.json"]])
@pytest.mark.parametrize("name", ["model.pt", "SHA256SUMS"])
def test_a_symbolic_link_is_refused(folder: Path, name: str, required: list[str] | None) -> None:
    """Its target can change after the check, even where its content is right now."""
    (folder / name).rename(folder.parent / "elsewhere")
    (folder / name).symlink_to(folder.parent / "elsewhere")
    with pytest.raises(RegistryError, match="not a plain file"):
        checksums.verify(folder, required)


def test_a_folder_in_a_files_place_is_refused(folder: Path) -> None:
    """Not a plain file."""
    (folder / "model.pt").unlink()
    (folder / "model.pt").mkdir()
    with pytest.raises(RegistryError, match=r"model\.pt is missing or not a plain file"):
        checksums.verify(folder)


LINE = "0" * 64
DAMAGED = {
    "empty": "",
    "no sums": "hello\n",
    "upper case": f"{'A' * 64}  model.pt\n",
    "binary mark": f"{LINE} *model.pt\n",
    "short": f"{LINE[1:]}  model.pt\n",
    "a path": f"{LINE}  ../model.pt\n",
    "an absolute path": f"{LINE}  /etc/passwd\n",
    "a hidden file": f"{LINE}  .model\n",
    "a name twice": f"{LINE}  model.pt\n{LINE}  model.pt\n",
    "Windows line ends": f"{LINE}  model.pt\r\n",
    "no line end": f"{LINE}  model.pt",
    "an empty line": f"{LINE}  model.pt\n\n",
    "another line separator": f"{LINE}  model.pt\u2028{LINE}  signature.json\n",
}


@pytest.mark.parametrize("case", DAMAGED)
def test_sums_of_another_form_are_refused(folder: Path, case: str) -> None:
    """One form only: that which `write` writes."""
    (folder / "SHA256SUMS").write_bytes(DAMAGED[case].encode())
    with pytest.raises(RegistryError, match=r"SHA256SUMS is (damaged|empty)"):
        checksums.verify(folder)


def test_sums_that_are_not_text_are_refused(folder: Path) -> None:
    """Whatever bytes they are."""
    (folder / "SHA256SUMS").write_bytes(b"\xff" * 70 + b"\n")
    with pytest.raises(RegistryError, match="SHA256SUMS is damaged"):
        checksums.verify(folder)


def test_no_sums_at_all(folder: Path) -> None:
    """With the system's reason."""
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(RegistryError, match="SHA256SUMS can't be read: No such file"):
        checksums.verify(folder)
