"""From an unpacked archive to a model that is fit to answer: verify, parse, load, replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handler.batch import Runtime, Served
from mulgam import checksums, golden, signature, trust
from mulgam.encoding.encoder import Encoder
from mulgam.errors import MulgamError
from mulgam.signature import Signature

SIGNATURE, GOLDEN = "signature.json", "golden.json"

# Opens the served file on a device (TorchServe's GPU number, None for the CPU).
Opener = Callable[[Path, Signature, int | None], Runtime]


class LoadError(MulgamError):
    """The archive's files are what was published, but the model in them does not work here."""


@dataclass(frozen=True)
class Archived:
    """What an archive says that it holds: a model, its version's number, and the file to serve."""

    model: str
    version: int
    served_file: str


def load(folder: Path, archived: Archived, open_runtime: Opener, gpu: int | None) -> Served:
    """Load a model from its archive's folder.

    Nothing is parsed, let alone unpickled, before its checksum was found right and, where signatures are asked for,
    who signed it; nothing is served before the golden requests were answered right.

    Raises:
        RegistryError: a file is missing, altered or unreadable, or nobody trusted has signed it.
        LoadError: the runtime refuses the file, or a golden request gets another answer than the stored one.
    """
    digest = checksums.verify(folder, required=(archived.served_file, SIGNATURE, GOLDEN))
    trusted = trust.from_environment()
    if trusted is not None:
        trusted.signer(folder, archived.model, archived.version, digest)
    described = signature.load(folder / SIGNATURE)
    served = Served(described, digest, open_runtime(folder / archived.served_file, described, gpu))
    _replay(served, golden.load(folder / GOLDEN))
    return served


def _replay(served: Served, requests: list[golden.Golden]) -> None:
    runtime, encoder = served.runtime, Encoder(served.signature)
    tolerance = served.signature.tolerance_of(runtime.name)
    for number, request in enumerate(requests):
        where = f"golden request {number} of {served.signature.model!r} on {runtime.name}, {runtime.device}"
        try:
            got = served.run(encoder.encode(request.instances))
        except Exception as problem:  # of the runtime's library, which has classes of its own
            raise LoadError(f"The {where} failed: {problem}") from problem
        mismatch = request.mismatch(got, tolerance)
        if mismatch is not None:
            raise LoadError(f"The {where} is answered wrongly: {mismatch}.")
