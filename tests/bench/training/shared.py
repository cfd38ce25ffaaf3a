"""Public data that lies beside the repository, checked before use; none of it is ever copied into the repository."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from tests.bench.errors import BenchError
from tests.bench.tree import ROOT

FOLDER = ROOT.parent / "shared" / "data"
CALIFORNIA, SMS, NSMC = "california_housing.csv", "sms_spam.tsv", "nsmc_25k.tsv"
BLIMP = "blimp/BLiMP.zip"
JFLEG = {part: (f"jfleg/{part}.src", *(f"jfleg/{part}.ref{number}" for number in range(4))) for part in ("dev", "test")}
_SHA256 = {
    "california_housing.csv": "2364609dc48bec7df3ba9dbb7041478e704ecddcee70ef1827ec3fc49d22c0cc",
    "sms_spam.tsv": "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
    "nsmc_25k.tsv": "40d65e7c3c1d992ac746a3fd360fa16d21c44152023387277748186b64dc3d26",
    "blimp/BLiMP.zip": "172a1a714d72e72a89e8384dd531483f3d0f8a9aee3d33dccaf7992d8cecbb73",
    "jfleg/dev.ref0": "adea6287c6e2240b7777e63cd56f8e228e742bbfb42c5152bc0bd2bc91f4e53e",
    "jfleg/dev.ref1": "d40d56ec7468ddab03fdcca97065ab3f9d391d749dbc7097b7c777a19ce4242e",
    "jfleg/dev.ref2": "b070691d633e0c4143d96ba21299ae71cb126086517d2970df47420842067793",
    "jfleg/dev.ref3": "9187fd834693fa77d07957991282d32d61ff84a207c25cbfab318c871bacdbc4",
    "jfleg/dev.src": "4a0e8b86d18a1058460ff0a592dac1ba68986d135256efbd27e997ac43f295f8",
    "jfleg/test.ref0": "875953280a3ea1dea2827337b1778c0105f0c0aa79f2517a6e0e42db5e5e170c",
    "jfleg/test.ref1": "190d3398f2765f54a39b5489d1e96c483412a656086c731f8712ad0591087d80",
    "jfleg/test.ref2": "0e3c6abe934ccd16c9dffb2fd889d6f55afc3ad13a63c1e148c720bb4e99046b",
    "jfleg/test.ref3": "19f49de6eff813b26505ecf756c20dc301aeb80696696b01ca950298f6e58441",
    "jfleg/test.src": "893db119162487aa7f956b65978453576919e6797cd6c1955f93b7a8b9f4bbd8",
}


@functools.cache
def path(name: str) -> Path:
    """A file of the shared data; raises BenchError where it is absent or another one than the figures are of."""
    file = FOLDER / name
    if not file.exists():
        raise BenchError(f"../shared/data/{name} is not there; leave its tables out (--only).")
    if hashlib.sha256(file.read_bytes()).hexdigest() != _SHA256[name]:
        raise BenchError(f"../shared/data/{name} is another file than the one that the benchmark is about.")
    return file


def lines(name: str) -> list[str]:
    """The lines of a file of the shared data (ended by a line feed alone, whatever Unicode else calls a line)."""
    return path(name).read_text(encoding="utf-8").removesuffix("\n").split("\n")
