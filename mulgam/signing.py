"""`mulgam keygen` and `mulgam sign`: keys, and signatures of versions that are published already."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mulgam import interruption, minisign, trust
from mulgam.errors import MulgamError, RegistryError, TrustError
from mulgam.registry import Registry
from mulgam.terminal import Parser

SIGNING_ENDING = ".key"
_KEYGEN_NOTES = """\
NAME.key signs: keep it where models are published, and nowhere else. NAME.pub checks: every service gets it
(MULGAM_TRUSTED_KEYS). Both are files of minisign, without a password.
exit status: 0 written, 1 one of them is there already or can't be written, 2 wrong usage
"""
_SIGN_NOTES = """\
The signature is the file SHA256SUMS.minisig of the version, in place of one that it had; nothing else changes.
Every file is compared with SHA256SUMS before it is signed.
exit status: 0 signed, 1 it could not be (why is said), 2 wrong usage
"""


def main(arguments: list[str] | None = None) -> int:
    """0 when it was done, 1 with a sentence where not."""
    interruption.raise_again()
    given = _parser().parse_args(arguments)
    try:
        for line in _keygen(given) if given.action == "keygen" else _sign(given):
            print(line)
    except MulgamError as problem:
        print(f"mulgam {given.action}: {problem}", file=sys.stderr)
        return 1
    return 0


def _keygen(given: argparse.Namespace) -> Iterator[str]:
    """Both files or none."""
    key = minisign.generate()
    secret, public = (given.name.with_name(given.name.name + end) for end in (SIGNING_ENDING, trust.ENDING))
    _write_new(secret, key.text(), 0o600)
    try:
        _write_new(public, key.public.text(), 0o644)
    except TrustError:
        secret.unlink()
        raise
    yield f"{secret} signs: keep it secret. {public} checks: key {key.public.name}"


def _sign(given: argparse.Namespace) -> Iterator[str]:
    key = trust.signing_key(given.key)
    registry = Registry(given.registry)  # without trust: what is to be signed has no signature yet
    versions = registry.versions(given.model)
    if given.version is None and not versions:
        raise RegistryError(f"{given.registry} holds no version of {given.model!r}.")
    entry = registry.entry(given.model, versions[-1] if given.version is None else given.version)
    trust.sign(entry.path, entry.model, entry.version, entry.digest, key)
    yield f"{entry.model}: version {entry.version}, digest {entry.digest}, signed with the key {key.public.name}"


def _write_new(path: Path, text: str, mode: int) -> None:
    """Write a file that must not be there; raises TrustError, and leaves nothing behind."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError as problem:
        raise TrustError(f"{path} is there already, and a key is never overwritten.") from problem
    except OSError as problem:
        raise TrustError(f"{path} can't be written: {problem.strerror}.") from problem
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as problem:
        with contextlib.suppress(OSError):
            path.unlink()
        raise TrustError(f"{path} can't be written: {problem.strerror}.") from problem


def _parser() -> Parser:
    parser = Parser("mulgam", __doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    keygen = actions.add_parser(
        "keygen",
        description="Make a pair of keys: one signs versions, the other checks who signed.",
        examples=[("mulgam keygen release", "release.key and release.pub")],
        notes=_KEYGEN_NOTES,
    )
    keygen.add_argument("name", type=_name, metavar="NAME", help="of both files, without an ending")
    sign = actions.add_parser(
        "sign",
        description="Sign a version of the registry.",
        examples=[
            ("mulgam sign house-price --key release.key", "the highest version"),
            ("mulgam sign house-price 3 --key release.key", ""),
        ],
        notes=_SIGN_NOTES,
    )
    sign.add_argument("model", metavar="MODEL", help="its name in the registry")
    sign.add_argument("version", type=int, nargs="?", metavar="VERSION", help="without it: the highest")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="the secret key")
    sign.add_registry()
    return parser


def _name(text: str) -> Path:
    path = Path(text)
    if not path.name:
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a file")
    return path


if __name__ == "__main__":
    sys.exit(main())
