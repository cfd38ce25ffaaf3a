"""Who published a version: a signature of its SHA256SUMS, made with a key that whoever loads it trusts.

The signature's comment names model and version, so that an entry that was copied to another name or number does not
verify. Format: `docs/registry.md`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mulgam import checksums, minisign
from mulgam.errors import TrustError
from mulgam.minisign import PublicKey, SecretKey

FILE_NAME = f"{checksums.FILE_NAME}.minisig"
# An environment variable: what every loader asks; of a service it is one of its settings.
VARIABLE = "MULGAM_TRUSTED_KEYS"
ENDING = ".pub"


@dataclass(frozen=True)
class Trust:
    """Public keys, of which one must have signed what is loaded. They are read anew for each entry, so that a key that
    was added or taken out counts without a restart.

    Args:
        path: a file of keys, or a folder whose files *.pub are.

    Raises:
        TrustError: it can't be read, holds no key, or something else.
    """

    path: Path

    def __post_init__(self) -> None:
        self.keys()

    def keys(self) -> list[PublicKey]:
        """All of them, at least one; raises TrustError."""
        try:
            files = sorted(self.path.glob(f"*{ENDING}")) if self.path.is_dir() else [self.path]
        except OSError as problem:
            raise TrustError(f"The trusted keys {self.path} can't be read: {problem.strerror}.") from problem
        if not files:
            raise TrustError(f"The folder of trusted keys {self.path} holds no file *{ENDING}.")
        return [key for file in files for key in minisign.public_keys(minisign.read(file, "trusted key"), str(file))]

    def signer(self, folder: Path, model: str, version: int, digest: str) -> str:
        """The name of the trusted key that signed an entry.

        Args:
            folder: with SHA256SUMS and its signature.
            model: whose version it has to be.
            version: its number.
            digest: of the SHA256SUMS that the files were compared with.

        Raises:
            TrustError: it is not signed, by none of these keys, for another entry, or for other content.
        """
        keys = self.keys()
        path = folder / FILE_NAME
        if path.is_symlink() or not path.exists():
            raise TrustError(f"{folder} is not signed, and only what a key of {self.path} has signed is loaded.")
        signature = minisign.signature(minisign.read(path, "signature"), str(path))
        signers = [key for key in keys if key.id == signature.id]
        if not signers:
            raise TrustError(f"{folder} is signed with the key {signature.name}, which is none of {self.path}.")
        content = checksums.sums(folder, digest)
        if not any(signature.check(content, key) for key in signers):
            raise TrustError(
                f"{path} is not what the key {signature.name} signed: the entry or its signature is altered."
            )
        if signature.comment != _comment(model, version):
            raise TrustError(f"{path} was made for {signature.comment!r}, not for {_comment(model, version)!r}.")
        return signature.name


def from_environment(environment: Mapping[str, str] = os.environ) -> Trust | None:
    """What `MULGAM_TRUSTED_KEYS` asks for; None where it is not set. Raises TrustError."""
    return of(environment.get(VARIABLE, ""))


def of(keys: str) -> Trust | None:
    """Trust in the keys of a file or folder; None where none is named. Raises TrustError."""
    return Trust(Path(keys)) if keys else None


def sign(folder: Path, model: str, version: int, digest: str, key: SecretKey) -> None:
    """Sign the SHA256SUMS of an entry, in place of a signature that it may have.

    Args:
        folder: of the entry.
        model: whose version it is to be.
        version: its number.
        digest: what was verified, so that nothing else is signed than was looked at.
        key: whose signature it is.

    Raises:
        RegistryError: SHA256SUMS can't be read, or is that of another digest.
        TrustError: the signature can't be written.
    """
    content = checksums.sums(folder, digest)
    text = minisign.sign(content, _comment(model, version), key).text()
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".signing-", delete=False) as file:
            try:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
                os.replace(file.name, folder / FILE_NAME)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
                raise
        descriptor = os.open(folder, os.O_RDONLY)  # the name is to survive a power cut as well
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise TrustError(f"{folder} can't be signed: {problem.strerror}.") from problem


def signing_key(path: Path) -> SecretKey:
    """The secret key of a file.

    Raises:
        TrustError: it can't be read, is none, or others than its owner's group may read it.
    """
    key = minisign.secret_key(minisign.read(path, "signing key"), str(path))
    if path.stat().st_mode & 0o007:
        raise TrustError(f"Everybody may read the signing key {path}: chmod 600 {path}.")
    return key


def _comment(model: str, version: int) -> str:
    """What a signature is for; two entries never have the same, for names have neither spaces nor signs."""
    return f"mulgam model={model} version={version}"
