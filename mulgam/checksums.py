"""SHA256SUMS: what a version consists of, checked before any of it is parsed or loaded.

The format is that of coreutils' `sha256sum`, so that `sha256sum -c SHA256SUMS` works in any version's folder.
The sha256 of SHA256SUMS itself is the version's **digest**: its identity everywhere in Mulgam.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from mulgam.errors import RegistryError

FILE_NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]{0,199})\n")


def write(folder: Path) -> str:
    """Write SHA256SUMS over all files of a folder; returns the digest."""
    lines = [f"{file_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir()) if path.name != FILE_NAME]
    content = "".join(lines).encode()
    (folder / FILE_NAME).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def verify(folder: Path, required: Iterable[str] | None = None) -> str:
    """Check the files of a folder against its SHA256SUMS.

    Args:
        folder: a version of the registry, or an unpacked archive made from one.
        required: the files that must be there; None means all that SHA256SUMS lists. Files that are listed
            and there are checked in any case.

    Returns:
        The digest.

    Raises:
        RegistryError: a file is missing, altered, or not a plain file, or SHA256SUMS is not one.
    """
    content = _read(folder)
    expected = _parsed(content, folder / FILE_NAME)
    needed = set(expected) if required is None else set(required)
    if unlisted := sorted(needed - set(expected)):
        raise RegistryError(f"{folder / unlisted[0]} is not listed in {FILE_NAME}.")
    for name, checksum in expected.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            if name in needed or path.is_symlink():
                raise RegistryError(f"{path} is missing or not a plain file.")
            continue
        if file_sha256(path) != checksum:
            raise RegistryError(f"{path} is not the file that was published: its checksum differs.")
    return hashlib.sha256(content).hexdigest()


def listed(folder: Path) -> set[str]:
    """The files that SHA256SUMS lists; raises RegistryError where it can't be read."""
    return set(_parsed(_read(folder), folder / FILE_NAME))


def sums(folder: Path, digest: str) -> bytes:
    """SHA256SUMS itself; raises RegistryError where it is no longer the one of this digest."""
    content = _read(folder)
    if hashlib.sha256(content).hexdigest() != digest:
        raise RegistryError(f"{folder / FILE_NAME} was changed after the files were compared with it.")
    return content


def read(folder: Path, name: str, digest: str) -> bytes:
    """A file's content, of which these very bytes were checked: nobody can change it between the check and its use.

    Args:
        folder: a version.
        name: a file of it.
        digest: of the version, as `verify` gave it.

    Raises:
        RegistryError: it can't be read, or is not what the digest stands for.
    """
    expected = _parsed(sums(folder, digest), folder / FILE_NAME)
    path = folder / name
    found = _bytes(path)
    if hashlib.sha256(found).hexdigest() != expected.get(name):
        raise RegistryError(f"{path} is not the file that was published: its checksum differs.")
    return found


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex; raises RegistryError where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise RegistryError(f"{path} can't be read: {problem.strerror}.") from problem


def _read(folder: Path) -> bytes:
    path = folder / FILE_NAME
    if path.is_symlink() or (path.exists() and not path.is_file()):  # a pipe would be waited for
        raise RegistryError(f"{path} is not a plain file.")
    return _bytes(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise RegistryError(f"{path} can't be read: {problem.strerror}.") from problem


def _parsed(content: bytes, path: Path) -> dict[str, str]:
    """File -> its checksum, of the content of SHA256SUMS."""
    if not content:
        raise RegistryError(f"{path} is empty.")
    found: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines(keepends=True):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise RegistryError(f"{path} is damaged: {line[:80]!r} is not a checksum line.")
        found[match[2]] = match[1]
    return found
