"""The registry: the only place where training and serving meet.

`<root>/<model>/<version>/` holds one version: written once, by one atomic rename, and never changed.
Versions are 1, 2, 3, …; two runs that publish at once get two numbers. Format: `docs/registry.md`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mulgam import checksums, golden, signature, strict, trust
from mulgam.errors import RegistryError
from mulgam.golden import Golden
from mulgam.minisign import SecretKey
from mulgam.signature import Signature
from mulgam.trust import Trust

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
TORCHSCRIPT, ONNX = "model.pt", "model.onnx"
# Runtime -> the model in its form. A version that was trained has both, one that was brought along may have one.
FORMS = {"torchscript": TORCHSCRIPT, "onnx": ONNX}
# Precision -> a smaller form of the ONNX model, which a version may have beside it.
VARIANTS = {"int8": "model.int8.onnx", "float16": "model.float16.onnx"}
DOCUMENTS = (
    "signature.json", "golden.json", "metrics.json", "report.html", "baseline.json", "recipe.toml", "environment.json",
)  # fmt: skip
FILES = (*FORMS.values(), *DOCUMENTS)
_STAGING, _LAST = ".staging", ".last"
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


class Hold:
    """A shared lock on a version, for as long as this object or its process lives: `remove` steps back from it.

    Raises:
        RegistryError: the version is being removed at this moment.
    """

    def __init__(self, version: Path) -> None:
        self._descriptor = -1
        try:
            self._descriptor = os.open(version / checksums.FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError) as problem:
            raise RegistryError(f"{version} is being removed.") from problem
        except OSError:
            pass  # a file system without locks: then nothing is told to those who remove

    def __getstate__(self) -> dict[str, int]:
        """A copy holds nothing: in another process the number is that of some other file, which it would close."""
        return {"_descriptor": -1}

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


@dataclass(frozen=True)
class Entry:
    """One version whose files were verified when this object was made; while it lives, they are not removed."""

    model: str
    version: int
    path: Path
    digest: str
    signer: str | None = None  # the name of the trusted key, where one was asked for
    hold: Hold | None = field(default=None, compare=False, repr=False)

    @cached_property
    def signature(self) -> Signature:
        """The version's signature; raises RegistryError where it is unreadable."""
        return signature.parse(self.document("signature.json"), str(self.path / "signature.json"))

    @cached_property
    def runtimes(self) -> tuple[str, ...]:
        """The runtimes that this version can be computed by: "torchscript", "onnx" or both."""
        return tuple(runtime for runtime, name in FORMS.items() if (self.path / name).is_file())

    def runtime(self, wanted: str) -> str:
        """The wanted runtime where the version has the model in its form, else the one that it has."""
        return wanted if wanted in self.runtimes else self.runtimes[0]

    @cached_property
    def golden(self) -> list[Golden]:
        """The version's golden requests; raises RegistryError where they are unreadable."""
        return golden.parse(self.document("golden.json"), str(self.path / "golden.json"))

    def read(self, name: str) -> bytes:
        """A file's content, checked once more as it is read; raises RegistryError where it is not what it was."""
        return checksums.read(self.path, name, self.digest)

    def copied(self, *names: str) -> dict[str, bytes]:
        """What belongs into a copy: these files (none: all), SHA256SUMS, and the signature where there is one.

        Whatever else lies in the folder stays there; a link is not followed.

        Raises:
            RegistryError: one of them is not what it was.
        """
        files = {name: self.read(name) for name in names or sorted(checksums.listed(self.path))}
        files[checksums.FILE_NAME] = checksums.sums(self.path, self.digest)
        signature = self.path / trust.FILE_NAME
        if signature.is_file() and not signature.is_symlink():
            files[trust.FILE_NAME] = signature.read_bytes()
        return files

    def document(self, name: str) -> dict[str, Any]:
        """The JSON object in a file; raises RegistryError."""
        return strict.document(self.read(name), str(self.path / name))


class Registry:
    """Reads and publishes versions below one folder.

    Args:
        root: the folder.
        trusted: whose signature a version must have to be read; None: no signature is asked for.
        signing: signs what is published; None: it stays unsigned.
    """

    def __init__(self, root: Path, trusted: Trust | None = None, signing: SecretKey | None = None) -> None:
        self.root = Path(root)
        self._trusted = trusted
        self._signing = signing

    def models(self) -> list[str]:
        """The names of all models that have a version, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if MODEL_NAME.fullmatch(path.name) and path.is_dir()
                      and self.versions(path.name))  # fmt: skip

    def versions(self, model: str) -> list[int]:
        """The version numbers of a model, ascending, unverified; empty where there is no such model."""
        folder = self.root / model
        if not MODEL_NAME.fullmatch(model) or not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir())

    def entry(self, model: str, version: int) -> Entry:
        """One version, after every file of it was checked against SHA256SUMS, and that by who signed it.

        Raises:
            RegistryError: there is no such version, it is not what was published, or nobody trusted has signed it.
        """
        return self._verified(model, version, self._trusted)

    def check_signed(self, entry: Entry) -> None:
        """Raise TrustError where nobody trusted has signed a version, whose files were compared already."""
        if self._trusted is not None:
            self._trusted.signer(entry.path, entry.model, entry.version, entry.digest)

    def _verified(self, model: str, version: int, trusted: Trust | None) -> Entry:
        if version not in self.versions(model):
            raise RegistryError(f"{self.root} holds no version {version} of {model!r}.")
        path = self.root / model / str(version)
        digest = checksums.verify(path, required=_needed(path))
        signer = None if trusted is None else trusted.signer(path, model, version, digest)
        entry = Entry(model, version, path, digest, signer, Hold(path))
        if entry.signature.model != model:
            raise RegistryError(f"{path} is a version of {entry.signature.model!r}, not of {model!r}.")
        return entry

    def newest(self, model: str) -> tuple[Entry | None, list[RegistryError]]:
        """The highest version that verifies, and why each higher one was passed over."""
        refused: list[RegistryError] = []
        for version in reversed(self.versions(model)):
            try:
                return self.entry(model, version), refused
            except RegistryError as problem:
                refused.append(problem)
        return None, refused

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder to write a version into before `publish`; gone afterwards, whatever happens.

        Folders that killed runs left behind are removed on the way.

        Raises:
            RegistryError: the registry can't be written.
        """
        parent = self.root / _STAGING
        with contextlib.ExitStack() as held:
            try:
                parent.mkdir(parents=True, exist_ok=True)
                with _locked(parent / ".lock"):
                    _remove_abandoned(parent)
                    folder = Path(tempfile.mkdtemp(dir=parent))
                    held.callback(shutil.rmtree, folder, ignore_errors=True)
                    held.enter_context(_locked(folder.with_suffix(".lock")))
            except OSError as problem:
                raise RegistryError(f"The registry {self.root} can't be written: {problem.strerror}.") from problem
            held.callback(folder.with_suffix(".lock").unlink, missing_ok=True)
            yield folder

    def publish(self, staged: Path, model: str) -> Entry:
        """Make a staged folder the next version of a model: checksums, signature, flush to disk, one rename.

        Raises:
            RegistryError: files are missing, unexpected or unreadable, the name is unfit or not the
                signature's, or the disk refuses.
        """
        if not MODEL_NAME.fullmatch(model):
            raise RegistryError(f"{model!r} is no model name: letters, digits, '-' and '_', at most 63.")
        found = {path.name for path in staged.iterdir()}
        odd = sorted({*found, *DOCUMENTS} ^ found) + sorted(found - {*FILES, *VARIANTS.values()})
        if not found & set(FORMS.values()):
            odd = [ONNX]
        if odd:
            raise RegistryError(f"A version consists of {', '.join(FILES)}; {odd[0]!r} is missing or not one of them.")
        _check_readable(staged, model)
        try:
            digest = checksums.write(staged)
            # mkdtemp makes folders that only their owner may enter; a version is for every reader of the registry.
            staged.chmod(0o755)
            for path in (*staged.iterdir(), staged):
                _flush(path)
            folder = self.root / model
            folder.mkdir(exist_ok=True)
            version = self._rename_to_next(staged, folder, model, digest)
            _flush(folder)
        except OSError as problem:
            raise RegistryError(f"{model!r} can't be published in {self.root}: {problem.strerror}.") from problem
        # Without trust: what is published unsigned may be signed by somebody else, later.
        return self._verified(model, version, None)

    def is_publishing(self) -> bool:
        """Whether any run is writing a version at this moment."""
        return any(lock.name != ".lock" and _is_locked(lock) for lock in (self.root / _STAGING).glob("*.lock"))

    def remove(self, model: str, version: int) -> int:
        """Remove a version by one rename, so that nobody meets half of it. Its number is never given again.

        Returns:
            The bytes that its files had.

        Raises:
            RegistryError: it is not there, some process serves or reads it, or the disk refuses.
        """
        if version not in self.versions(model):
            raise RegistryError(f"{self.root} holds no version {version} of {model!r}.")
        path = self.root / model / str(version)
        sums = path / checksums.FILE_NAME
        try:
            size = sum(file.lstat().st_size for file in path.iterdir())
            if not sums.is_file():  # nothing serves a version without it
                sums.touch()
            # Moved while it is locked: whoever opens it afterwards does not find it.
            with sums.open("r+") as file, self.staging() as folder:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.rename(folder / path.name)
        except BlockingIOError as problem:
            raise RegistryError(f"Version {version} of {model!r} is in use and stays.") from problem
        except OSError as problem:
            raise RegistryError(f"{path} can't be removed: {problem.strerror}.") from problem
        return size

    def _rename_to_next(self, staged: Path, folder: Path, model: str, digest: str) -> int:
        """Numbers are given out under a lock, and the last one is kept: a removed version's never comes again."""
        with (folder / _LAST).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            last = file.read()
            version = max(int(last) if _VERSION.fullmatch(last) else 0, *self.versions(model), 0) + 1
            while (folder / str(version)).exists():
                version += 1
            if self._signing is not None:
                trust.sign(staged, model, version, digest, self._signing)
            file.truncate(0)
            file.write(str(version))
            file.flush()
            os.fsync(file.fileno())
            staged.rename(folder / str(version))
            return version


def opened(root: Path, sign_with: Path | None = None) -> Registry:
    """The registry as a command reads and writes it: with the trust that `MULGAM_TRUSTED_KEYS` asks for.

    Args:
        root: its folder.
        sign_with: the file of the key that signs what is published.

    Raises:
        TrustError: a key can't be read.
    """
    return Registry(root, trust.from_environment(), None if sign_with is None else trust.signing_key(sign_with))


def _needed(path: Path) -> set[str]:
    """What must be there and right in a version: all that was published, its documents and one form at least."""
    listed = checksums.listed(path)
    forms = {name for name in FORMS.values() if name in listed or (path / name).exists()}
    return {*listed, *DOCUMENTS, *(forms or FORMS.values())}


def _check_readable(staged: Path, model: str) -> None:
    """What serving would refuse never gets a number."""
    described = signature.load(staged / "signature.json")
    if described.model != model:
        raise RegistryError(f"{staged} is a version of {described.model!r}, not of {model!r}.")
    golden.load(staged / "golden.json")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file; the kernel drops it when the process dies, however that happens."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _remove_abandoned(parent: Path) -> None:
    """Remove the staging folders whose lock nobody holds any more; a kill may have left a folder or a lock alone."""
    for name in {path.stem for path in parent.iterdir()} - {".lock"}:
        lock = parent / f"{name}.lock"
        with contextlib.suppress(OSError), lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(parent / name, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
