"""`mulgam keygen` and `mulgam sign`: keys that nobody else can read, and signatures of what was verified first."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mulgam import minisign, trust
from mulgam.registry import Registry
from mulgam.signing import main
from mulgam.trust import Trust
from tests.processes import ROOT


def key(folder: Path) -> Path:
    """A fresh key; returns the file that signs."""
    assert main(["keygen", str(folder / "release")]) == 0
    return folder / "release.key"


def test_a_pair_of_keys_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files that belong together; the one that signs is its owner's alone, whatever the umask."""
    secret, public = key(tmp_path), tmp_path / "release.pub"
    told = capsys.readouterr().out
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    made = trust.signing_key(secret)
    assert minisign.public_keys(public.read_text(), "") == [made.public]
    assert made.public.name in told
    assert secret.read_text().splitlines()[1] not in told


@pytest.mark.parametrize("there", ["release.key", "release.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even by half: neither file is made where one of them is there."""
    (tmp_path / there).write_text("mine")
    assert main(["keygen", str(tmp_path / "release")]) == 1
    assert "is there already" in capsys.readouterr().err
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(there, "mine")]


def test_a_key_that_can_not_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence."""
    assert main(["keygen", str(tmp_path / "nowhere" / "release")]) == 1
    assert "can't be written" in capsys.readouterr().err


def test_a_version_is_signed(own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And signed anew, with another key: one signature is left, and no other file."""
    before = {one.name for one in (own_registry.root / "notes" / "1").iterdir()}
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        secret = key(folder)
        command = ["sign", "notes", *(["1"] if number else []), "--key", str(secret)]
        assert main([*command, "--registry", str(own_registry.root)]) == 0
        trusted = Registry(own_registry.root, Trust(folder))
        signer = trusted.entry("notes", 1).signer
        assert signer is not None
        assert f"version 1, digest {trusted.entry('notes', 1).digest}, signed with the key {signer}" in (
            capsys.readouterr().out
        )
    assert {one.name for one in (own_registry.root / "notes" / "1").iterdir()} == {*before, trust.FILE_NAME}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["notes", "7"], "holds no version 7"),
        (["none"], "holds no version of 'none'"),
        (["shapes"], "checksum"),
        (["notes", "--key", "missing.key"], "missing.key is missing"),
        (["notes", "--key", "release.pub"], "is no secret key"),
    ],
)
def test_what_can_not_be_signed_is_told(
    own_registry: Registry, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Status 1, one sentence, no signature; above all nothing that was altered."""
    monkeypatch.chdir(tmp_path)
    key(tmp_path)
    (own_registry.root / "shapes" / "1" / "metrics.json").write_text("{}")
    command = ["sign", "--key", "release.key", *words, "--registry", str(own_registry.root)]
    assert main(command) == 1
    assert said in capsys.readouterr().err
    assert not list(own_registry.root.glob(f"*/*/{trust.FILE_NAME}"))


def test_the_commands_are_mulgams(tmp_path: Path) -> None:
    """`mulgam keygen NAME`, as it is typed."""
    words = [sys.executable, "-m", "mulgam", "keygen", str(tmp_path / "mine")]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "mine.pub").is_file()
