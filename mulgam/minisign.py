"""Ed25519 keys and signatures in the format of minisign (https://jedisct1.github.io/minisign), so that its command
makes and checks them as well. A signature covers a file and a comment: the trusted comment.

The one file that loads PyNaCl (libsodium), and only inside the functions that compute: who asks for no signature needs
it not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from mulgam.errors import TrustError

# No key or signature is larger; a file of several public keys may be.
MOST_BYTES = 64 * 2**10
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_ED25519, _PREHASHED, _NO_PASSWORD, _BLAKE2B = b"Ed", b"ED", b"\0\0", b"B2"
_ID, _SEED, _KEY, _SECRET, _SIGNATURE, _SUM = 8, 32, 32, 64, 64, 32
# What a key with a password has of scrypt: salt, opslimit, memlimit; zero without one, as is the checksum.
_SCRYPT = 32 + 8 + 8


@dataclass(frozen=True)
class PublicKey:
    """Checks signatures; `id` tells which of several keys made one."""

    id: bytes
    point: bytes

    @property
    def name(self) -> str:
        """The id as minisign shows it: 16 hex digits."""
        return _shown(self.id)

    def text(self) -> str:
        """The content of its file."""
        return f"{_UNTRUSTED}minisign public key {self.name}\n{_encoded(_ED25519 + self.id + self.point)}\n"


@dataclass(frozen=True)
class SecretKey:
    """Makes signatures; its text shows nothing of it."""

    public: PublicKey
    seed: bytes

    def __repr__(self) -> str:
        return f"SecretKey({self.public.name})"

    def text(self) -> str:
        """The content of its file; without a password, as `minisign -G -W` writes it."""
        kept = self.public.id + self.seed + self.public.point + bytes(_SUM)
        packed = _ED25519 + _NO_PASSWORD + _BLAKE2B + bytes(_SCRYPT) + kept
        return f"{_UNTRUSTED}minisign secret key {self.public.name}\n{_encoded(packed)}\n"


@dataclass(frozen=True)
class Signature:
    """A signature as it was read; nothing of it is believed before `check`."""

    id: bytes
    of_content: bytes
    comment: str
    of_comment: bytes

    @property
    def name(self) -> str:
        """The id of the key that claims to have made it."""
        return _shown(self.id)

    def check(self, content: bytes, key: PublicKey) -> bool:
        """Whether that key signed this content with this comment."""
        return _holds(_hashed(content), self.of_content, key) and _holds(
            self.of_content + self.comment.encode(), self.of_comment, key
        )

    def text(self) -> str:
        """The content of its file."""
        packed = _encoded(_PREHASHED + self.id + self.of_content)
        return (
            f"{_UNTRUSTED}signature of a version of Mulgam\n{packed}\n{_TRUSTED}{self.comment}\n"
            f"{_encoded(self.of_comment)}\n"
        )


def generate() -> SecretKey:
    """A new pair of keys."""
    return _secret(os.urandom(_ID), os.urandom(_SEED))


def sign(content: bytes, comment: str, key: SecretKey) -> Signature:
    """Sign a content together with a comment of one line."""
    of_content = _signed(_hashed(content), key)
    return Signature(key.public.id, of_content, comment, _signed(of_content + comment.encode(), key))


def public_keys(text: str, where: str) -> list[PublicKey]:
    """The keys of a file, one on each line beside comments and blank lines.

    Raises:
        TrustError: a line is neither, or there is no key.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith(("#", _UNTRUSTED.rstrip())):
            continue
        packed = _decoded(line.strip())
        if len(packed) != 2 + _ID + _KEY or packed[:2] != _ED25519:
            raise TrustError(f"Line {number} of {where} is no public key of `mulgam keygen` or minisign.")
        keys.append(PublicKey(packed[2 : 2 + _ID], packed[2 + _ID :]))
    if not keys:
        raise TrustError(f"{where} holds no public key.")
    return keys


def secret_key(text: str, where: str) -> SecretKey:
    """The key of a file.

    Raises:
        TrustError: it is none, is damaged, or has a password.
    """
    lines = text.splitlines()
    packed = _decoded(lines[1].strip()) if len(lines) == 2 and lines[0].startswith(_UNTRUSTED) else b""
    if len(packed) != 6 + _SCRYPT + _ID + _SECRET + _SUM or packed[:2] != _ED25519 or packed[4:6] != _BLAKE2B:
        raise TrustError(f"{where} is no secret key of `mulgam keygen` or minisign.")
    if packed[2:4] != _NO_PASSWORD:
        raise TrustError(
            f"{where} has a password: sign with minisign itself (docs/registry.md), or make a key without."
        )
    kept = packed[6 + _SCRYPT :]
    key = _secret(kept[:_ID], kept[_ID : _ID + _SEED])
    if key.public.point != kept[_ID + _SEED : _ID + _SECRET]:
        raise TrustError(f"{where} is damaged: its two halves belong to different keys.")
    return key


def signature(text: str, where: str) -> Signature:
    """The signature of a file, still to be checked.

    Raises:
        TrustError: it is none.
    """
    lines = text.split("\n")
    if len(lines) == 5 and lines[0].startswith(_UNTRUSTED) and lines[2].startswith(_TRUSTED) and not lines[4]:
        packed, of_comment = _decoded(lines[1]), _decoded(lines[3])
        if packed[:2] == _PREHASHED and len(packed) == 2 + _ID + _SIGNATURE and len(of_comment) == _SIGNATURE:
            return Signature(
                packed[2 : 2 + _ID], packed[2 + _ID :], lines[2].removeprefix(_TRUSTED), of_comment
            )  # fmt: skip
    raise TrustError(f"{where} is no signature of `mulgam sign` or minisign.")


def read(path: Path, what: str) -> str:
    """The text of a file of keys or a signature; raises TrustError where it is no plain, small file of text."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise TrustError(f"The {what} {path} is missing or not a plain file.")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TrustError(f"The {what} {path} has more than {MOST_BYTES} bytes.")
        return content.decode("utf-8")
    except OSError as problem:
        raise TrustError(f"The {what} {path} can't be read: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise TrustError(f"The {what} {path} is not text.") from problem


def _secret(id_: bytes, seed: bytes) -> SecretKey:
    from nacl.signing import SigningKey

    return SecretKey(PublicKey(id_, bytes(SigningKey(seed).verify_key)), seed)


def _signed(message: bytes, key: SecretKey) -> bytes:
    from nacl.signing import SigningKey

    return SigningKey(key.seed).sign(message).signature


def _holds(message: bytes, signature: bytes, key: PublicKey) -> bool:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(key.point).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _hashed(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=64).digest()


def _shown(id_: bytes) -> str:
    return id_[::-1].hex().upper()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(line: str) -> bytes:
    """The bytes; none where it is not base64 as it is written, so that nothing has two spellings."""
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if _encoded(data) == line else b""
