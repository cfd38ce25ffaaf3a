"""Who published: with trusted keys nothing is read that none of them signed, as this model, as this version."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mulgam import checksums, minisign, promotion, serving, trust, verifying
from mulgam.errors import RegistryError, TrustError
from mulgam.export.__main__ import main as export
from mulgam.minisign import SecretKey
from mulgam.registry import FILES, Entry, Registry, opened
from mulgam.trust import Trust
from tests.processes import ROOT


@pytest.fixture(scope="module")
def keys() -> tuple[SecretKey, SecretKey]:
    """An old one and a new one."""
    return minisign.generate(), minisign.generate()


@pytest.fixture
def folder(tmp_path: Path, keys: tuple[SecretKey, SecretKey]) -> Path:
    """The trusted keys: the first alone."""
    path = tmp_path / "trusted"
    path.mkdir()
    (path / "first.pub").write_text(keys[0].public.text())
    return path


@pytest.fixture
def signed(own_registry: Registry, keys: tuple[SecretKey, SecretKey]) -> Registry:
    """Both models signed with the first key; read without trust."""
    for model in ("notes", "shapes"):
        trust.sign(own_registry.root / model / "1", model, 1, own_registry.entry(model, 1).digest, keys[0])
    return own_registry


def trusting(registry: Registry, folder: Path) -> Registry:
    """The same registry, for somebody who asks who signed."""
    return Registry(registry.root, Trust(folder))


def test_a_signed_version_is_read_and_its_signer_named(
    signed: Registry, folder: Path, keys: tuple[SecretKey, SecretKey]
) -> None:
    """The digest is what it was: the signature lies beside the files that it is about."""
    entry = trusting(signed, folder).entry("notes", 1)
    assert entry.signer == keys[0].public.name
    assert entry.digest == signed.entry("notes", 1).digest
    assert signed.entry("notes", 1).signer is None
    assert trust.FILE_NAME not in checksums.listed(entry.path)


def test_an_unsigned_version_is_refused_where_trust_is_asked_for_alone(own_registry: Registry, folder: Path) -> None:
    """Without trusted keys it is good, as it always was."""
    assert own_registry.entry("notes", 1)
    with pytest.raises(TrustError, match="is not signed"):
        trusting(own_registry, folder).entry("notes", 1)


def test_every_altered_file_is_refused(signed: Registry, folder: Path) -> None:
    """One flipped bit at the start, the middle and the end of each; made good in SHA256SUMS, too."""
    trusted = trusting(signed, folder)
    path = signed.root / "notes" / "1"
    for name in (*FILES, checksums.FILE_NAME):
        whole, sums = (path / name).read_bytes(), (path / checksums.FILE_NAME).read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            (path / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(RegistryError):
                trusted.entry("notes", 1)
            if name != checksums.FILE_NAME:
                (path / checksums.FILE_NAME).unlink()
                rewritten(path)
                with pytest.raises(TrustError, match="is altered"):
                    trusted.entry("notes", 1)
            (path / name).write_bytes(whole)
            (path / checksums.FILE_NAME).write_bytes(sums)
    assert trusted.entry("notes", 1)


def rewritten(path: Path) -> None:
    """SHA256SUMS as somebody would make it who has altered a file."""
    signature = (path / trust.FILE_NAME).read_bytes()
    (path / trust.FILE_NAME).unlink()
    checksums.write(path)
    (path / trust.FILE_NAME).write_bytes(signature)


def test_every_altered_byte_of_sums_and_signature_is_refused(signed: Registry, folder: Path) -> None:
    """But for the line that is nobody's word: minisign's untrusted comment."""
    trusted = Trust(folder)
    path = signed.root / "notes" / "1"
    digest = signed.entry("notes", 1).digest
    for name in (checksums.FILE_NAME, trust.FILE_NAME):
        whole = (path / name).read_bytes()
        for place in range(0 if name == checksums.FILE_NAME else whole.index(b"\n") + 1, len(whole)):
            (path / name).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            with pytest.raises(RegistryError):
                trusted.signer(path, "notes", 1, digest)
        (path / name).write_bytes(whole)
    assert trusted.signer(path, "notes", 1, digest)


@pytest.mark.parametrize(
    ("source", "model", "version"), [("notes", "notes", 2), ("notes", "other", 1), ("shapes", "notes", 2)]
)
def test_a_copy_under_another_name_or_number_is_refused(
    signed: Registry, folder: Path, source: str, model: str, version: int
) -> None:
    """Its signature is good, and says what it was made for."""
    shutil.copytree(signed.root / source / "1", signed.root / model / str(version))
    with pytest.raises(TrustError, match=f"was made for 'mulgam model={source} version=1'"):
        trusting(signed, folder).entry(model, version)


def test_the_signature_of_another_version_does_not_fit(
    signed: Registry, folder: Path, keys: tuple[SecretKey, SecretKey]
) -> None:
    """Though the same key has made both."""
    path = signed.root / "notes" / "1"
    shutil.copy(signed.root / "shapes" / "1" / trust.FILE_NAME, path)
    with pytest.raises(TrustError, match="is altered"):
        trusting(signed, folder).entry("notes", 1)


def test_a_link_in_the_place_of_a_signature_is_refused(signed: Registry, folder: Path, tmp_path: Path) -> None:
    """As one in the place of any file is."""
    path = signed.root / "notes" / "1" / trust.FILE_NAME
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrustError, match="is not signed"):
        trusting(signed, folder).entry("notes", 1)


def test_keys_are_rotated_without_a_restart(signed: Registry, folder: Path, keys: tuple[SecretKey, SecretKey]) -> None:
    """The new one beside the old, versions signed anew, the old one out: nothing is refused on the way."""
    trusted = trusting(signed, folder)
    path = signed.root / "notes" / "1"
    trust.sign(path, "notes", 1, signed.entry("notes", 1).digest, keys[1])
    with pytest.raises(TrustError, match=f"with the key {keys[1].public.name}, which is none of"):
        trusted.entry("notes", 1)
    (folder / "second.pub").write_text(keys[1].public.text())
    assert trusted.entry("notes", 1).signer == keys[1].public.name
    assert trusted.entry("shapes", 1).signer == keys[0].public.name
    (folder / "first.pub").unlink()
    assert trusted.entry("notes", 1).signer == keys[1].public.name
    with pytest.raises(TrustError, match="which is none of"):
        trusted.entry("shapes", 1)


def test_several_keys_may_stand_in_one_file(
    signed: Registry, tmp_path: Path, keys: tuple[SecretKey, SecretKey]
) -> None:
    """Which is named instead of a folder."""
    file = tmp_path / "keys"
    file.write_text("".join(key.public.text() for key in reversed(keys)))
    assert trusting(signed, file).entry("notes", 1).signer == keys[0].public.name


def test_another_key_of_the_same_name_is_refused(
    signed: Registry, folder: Path, keys: tuple[SecretKey, SecretKey]
) -> None:
    """A key's name is chosen by who makes it; a signature is not."""
    path = signed.root / "notes" / "1"
    forged = SecretKey(minisign.PublicKey(keys[0].public.id, keys[1].public.point), keys[1].seed)
    trust.sign(path, "notes", 1, signed.entry("notes", 1).digest, forged)
    with pytest.raises(TrustError, match="is altered"):
        trusting(signed, folder).entry("notes", 1)


@pytest.mark.parametrize("kind", ["missing", "empty folder", "empty", "secret", "broken link"])
def test_trust_that_can_not_be_read_fails_closed(tmp_path: Path, keys: tuple[SecretKey, SecretKey], kind: str) -> None:
    """At once, with a sentence that names the file; and so does an environment that asks for it."""
    path = tmp_path / "trusted"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "broken link":
        path.mkdir()
        (path / "a.pub").symlink_to(tmp_path / "nowhere")
    elif kind != "missing":
        path.write_text(keys[0].text() if kind == "secret" else "")
    with pytest.raises(TrustError, match="trusted"):
        trust.from_environment({trust.VARIABLE: str(path)})


def test_trust_that_is_lost_meanwhile_refuses(signed: Registry, folder: Path) -> None:
    """What is loaded serves on; nothing new is loaded."""
    trusted = trusting(signed, folder)
    assert trusted.entry("notes", 1)
    shutil.rmtree(folder)
    with pytest.raises(TrustError):
        trusted.entry("notes", 1)


def test_no_trust_is_asked_for_where_none_is_set() -> None:
    """The variable absent, or empty."""
    assert trust.from_environment({}) is None
    assert trust.from_environment({trust.VARIABLE: ""}) is None


def test_the_highest_version_that_is_trusted_is_served(signed: Registry, folder: Path) -> None:
    """An unsigned one above it is passed over, and that is said; a plan that names it is refused."""
    shutil.copytree(signed.root / "notes" / "1", signed.root / "notes" / "2")
    (signed.root / "notes" / "2" / trust.FILE_NAME).unlink()
    trusted = trusting(signed, folder)
    entry, refused = trusted.newest("notes")
    assert entry is not None
    assert entry.version == 1
    assert [str(one) for one in refused] == [str(why) for why in refused if "is not signed" in str(why)] != []
    for change in (serving.promote, lambda *of: serving.canary(*of, 0.5), serving.shadow):
        with pytest.raises(TrustError, match="is not signed"):
            change(trusted, "notes", 2)
    assert not (signed.root / "serving.json").exists()


Command = Callable[[Path, Path], int]
COMMANDS: dict[str, Command] = {
    "promote": lambda root, _: promotion.main(["promote", "notes", "1", "--registry", str(root)]),
    "canary": lambda root, _: promotion.main(["canary", "notes", "1", "--registry", str(root)]),
    "shadow": lambda root, _: promotion.main(["shadow", "notes", "1", "--registry", str(root)]),
    "verifying": lambda root, _: verifying.main([str(root)]),
    "export": lambda root, store: export(["--to", "triton", "--registry", str(root), "--store", str(store)]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_ask_what_the_environment_says(
    own_registry: Registry, folder: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Status 1 and one sentence for an unsigned version, or for keys that can't be read; nothing is written."""
    monkeypatch.setenv(trust.VARIABLE, str(folder))
    assert COMMANDS[name](own_registry.root, tmp_path / "store") == 1
    assert "is not signed" in capsys.readouterr().err
    monkeypatch.setenv(trust.VARIABLE, str(tmp_path / "nowhere"))
    assert COMMANDS[name](own_registry.root, tmp_path / "store") == 1
    assert "nowhere is missing" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()
    assert not (own_registry.root / "serving.json").exists()


def test_who_signed_is_told(
    signed: Registry, folder: Path, keys: tuple[SecretKey, SecretKey], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Of each model, by `python -m mulgam.verifying`."""
    monkeypatch.setenv(trust.VARIABLE, str(folder))
    assert verifying.main([str(signed.root)]) == 0
    assert capsys.readouterr().out.count(f"signed with the key {keys[0].public.name}") == 2


def test_what_is_published_is_signed_at_once(
    registry: Registry, tmp_path: Path, folder: Path, keys: tuple[SecretKey, SecretKey]
) -> None:
    """Under the number that it gets, and before anybody can see it."""
    source = registry.entry("notes", 1)
    signing = Registry(tmp_path / "registry", Trust(folder), keys[0])
    versions = [publish(signing, source).version for _ in range(2)]
    assert versions == [1, 2]
    for version in versions:
        assert signing.entry("notes", version).signer == keys[0].public.name
        assert {one.name for one in signing.entry("notes", version).path.iterdir()} == {
            *FILES, checksums.FILE_NAME, trust.FILE_NAME,
        }  # fmt: skip
    unsigned = publish(Registry(tmp_path / "registry", Trust(folder)), source)
    assert unsigned.version == 3
    with pytest.raises(TrustError, match="is not signed"):
        signing.entry("notes", 3)


def publish(registry: Registry, source: Entry) -> Entry:
    """A version once more."""
    with registry.staging() as staged:
        for name in FILES:
            shutil.copyfile(source.path / name, staged / name)
        return registry.publish(staged, source.model)


def test_what_is_parsed_is_what_was_verified(signed: Registry, folder: Path) -> None:
    """A file that is swapped after the check is refused as it is read, and so is a whole set of files with its sums."""
    entry = trusting(signed, folder).entry("notes", 1)
    assert entry.read("model.onnx")
    (entry.path / "golden.json").write_text('{"format": 1, "requests": []}')
    with pytest.raises(RegistryError, match="checksum"):
        _ = entry.golden
    rewritten(entry.path)
    for name in ("golden.json", "model.onnx"):
        with pytest.raises(RegistryError, match="was changed after"):
            entry.read(name)
    with pytest.raises(RegistryError, match=r"checksum|was changed"):
        entry.read("../../serving.json")


def test_no_loader_forgets_to_ask() -> None:
    """Whoever opens a registry does it where trust is read: `opened`, a service's settings, `mulgam sign`."""
    asking = {"mulgam/registry.py", "mulgam/signing.py", "service/settings.py"}
    found = {
        str(path.relative_to(ROOT))
        for room in ("mulgam", "model", "handler", "service")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Registry"
    }
    assert found == asking


def test_a_command_publishes_with_the_key_that_it_is_given(tmp_path: Path, keys: tuple[SecretKey, SecretKey]) -> None:
    """`--sign-with`: read before anything is trained."""
    file = tmp_path / "release.key"
    file.write_text(keys[0].text())
    with pytest.raises(TrustError, match="Everybody may read"):
        opened(tmp_path, file)
    file.chmod(0o600)
    assert opened(tmp_path, file)
    with pytest.raises(TrustError, match="missing"):
        opened(tmp_path, tmp_path / "none.key")


def test_nothing_is_signed_but_what_was_looked_at(own_registry: Registry, keys: tuple[SecretKey, SecretKey]) -> None:
    """SHA256SUMS that were swapped after the check get no signature."""
    entry = own_registry.entry("notes", 1)
    (entry.path / checksums.FILE_NAME).write_bytes((own_registry.root / "shapes" / "1" / "SHA256SUMS").read_bytes())
    with pytest.raises(RegistryError, match="was changed after"):
        trust.sign(entry.path, "notes", 1, entry.digest, keys[0])
    assert not (entry.path / trust.FILE_NAME).exists()


def test_a_copy_holds_what_was_verified_and_nothing_else(
    signed: Registry, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export for KServe verifies by itself; what lies beside its files, or behind a link, stays behind."""
    monkeypatch.setenv(trust.VARIABLE, str(folder))
    (tmp_path / "secret").write_text("key")
    (signed.root / "notes" / "1" / "more").symlink_to(tmp_path / "secret")
    words = ["--to", "kserve", "--storage-uri", "s3://b", "--entry", "notes:1", "--registry", str(signed.root)]
    assert export([*words, "--store", str(tmp_path / "store")]) == 0
    copy = opened(tmp_path / "store" / "notes").entry("notes", 1)
    assert {one.name for one in copy.path.iterdir()} == {*FILES, checksums.FILE_NAME, trust.FILE_NAME}
    signature = signed.root / "notes" / "1" / trust.FILE_NAME
    entry = signed.entry("notes", 1)
    signature.unlink()
    signature.symlink_to(tmp_path / "secret")
    assert trust.FILE_NAME not in entry.copied()


def test_sums_that_are_a_pipe_are_not_waited_for(signed: Registry) -> None:
    """They would hold up whoever looks at the registry."""
    sums = signed.root / "notes" / "1" / checksums.FILE_NAME
    sums.unlink()
    os.mkfifo(sums)
    with pytest.raises(RegistryError, match="not a plain file"):
        signed.entry("notes", 1)
