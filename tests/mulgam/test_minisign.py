"""Keys and signatures in minisign's format: whatever is altered in them is found, and its own files are taken."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam import minisign
from mulgam.errors import TrustError
from tests.processes import ROOT

# Made by minisign 0.11: `minisign -G -W`, `minisign -S -m FILE -t COMMENT`.
SECRET = """untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACf06EWWEdoRPmELVxcvIPSFp9rhxBi68a+58W63C\
tMAPaLgGN5vAPFOIcElsBTat3KVgCEexb3nc4HVSnMq/Yemw2/YByQSUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""
PUBLIC = """untrusted comment: minisign public key 84768465113AFD09
RWQJ/ToRZYR2hFOIcElsBTat3KVgCEexb3nc4HVSnMq/Yemw2/YByQSU
"""
CONTENT, COMMENT = b"hi\n", "mulgam model=notes version=1"
SIGNATURE = """untrusted comment: signature from minisign secret key
RUQJ/ToRZYR2hOSuPGh37jztbisUEtW57xRynkhv0KFHZkpF6Axlh60j4ravGzp/Mkz2097sUa4XJNrHTopDRZqp9/dbEHkk0go=
trusted comment: mulgam model=notes version=1
+h7KeYZrR176lY3QnjFM7pvj6MJMuS5feIxIBR+0Z55TWRLPU7Xy/kXdvh+rOCA4D8HP6f6ZJjiWEmQ58kGmDQ==
"""
KEY = minisign.secret_key(SECRET, "test")


def test_files_of_minisign_are_taken() -> None:
    """Its keys and its signature; and ours are, but for the untrusted comments, its own bytes."""
    (public,) = minisign.public_keys(PUBLIC, "test")
    assert KEY.public == public
    assert public.name == PUBLIC.split()[5]
    signature = minisign.signature(SIGNATURE, "test")
    assert signature.check(CONTENT, public)
    assert signature.comment == COMMENT
    assert public.text() == PUBLIC
    assert KEY.text().splitlines()[1] == SECRET.splitlines()[1]
    assert minisign.sign(CONTENT, COMMENT, KEY).text().splitlines()[1:] == SIGNATURE.splitlines()[1:]


def test_what_is_made_is_read_again() -> None:
    """Keys, and a signature that holds for its content and its key alone."""
    key, other = minisign.generate(), minisign.generate()
    assert key != other
    assert minisign.secret_key(key.text(), "test") == key
    assert minisign.public_keys(other.public.text() + "\n# ours\n" + key.public.text(), "") == [
        other.public,
        key.public,
    ]
    signature = minisign.signature(minisign.sign(CONTENT, "a comment", key).text(), "test")
    assert signature.check(CONTENT, key.public)
    assert not signature.check(CONTENT, other.public)
    assert not signature.check(CONTENT + b".", key.public)


def test_every_altered_byte_of_a_signature_is_found() -> None:
    """Refused, or found wrong; but for the first line, which says of itself that nobody trusts it."""
    start = SIGNATURE.index("\n") + 1
    for place in range(start, len(SIGNATURE)):
        for bit in (1, 2, 32):
            altered = SIGNATURE[:place] + chr(ord(SIGNATURE[place]) ^ bit) + SIGNATURE[place + 1 :]
            try:
                signature = minisign.signature(altered, "test")
            except TrustError:
                continue
            assert signature.id != KEY.public.id or not signature.check(CONTENT, KEY.public), altered[place:]


def test_a_signature_that_was_cut_off_is_refused() -> None:
    """Wherever."""
    for end in range(len(SIGNATURE)):
        with pytest.raises(TrustError, match="no signature"):
            minisign.signature(SIGNATURE[:end], "test")


def test_a_signature_of_the_older_kind_is_refused() -> None:
    """Of the content itself instead of its hash, which minisign calls legacy."""
    with pytest.raises(TrustError, match="no signature"):
        minisign.signature(SIGNATURE.replace("\nRUQ", "\nRWQ"), "test")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no secret key"),
        (PUBLIC, "no secret key"),
        (SIGNATURE, "no secret key"),
        (SECRET.replace("RWQAAEIy", "RWRTY0Iy"), "has a password"),
        (SECRET.replace("PaLgG", "PaLgH"), "damaged"),
        (SECRET.splitlines()[1], "no secret key"),
    ],
)
def test_what_is_no_secret_key_is_refused(text: str, said: str) -> None:
    """With a sentence, which shows nothing of the file."""
    with pytest.raises(TrustError, match=said) as told:
        minisign.secret_key(text, "FILE")
    assert "FILE" in str(told.value)
    assert len(str(told.value)) < 120


@pytest.mark.parametrize("text", ["", "# nothing\n", SECRET, PUBLIC + "x\n", PUBLIC[:-3], PUBLIC.replace("RWQ", "RUQ")])
def test_what_holds_no_public_key_is_refused(text: str) -> None:
    """And what holds something beside them as well."""
    with pytest.raises(TrustError, match="public key"):
        minisign.public_keys(text, "FILE")


@given(
    st.one_of(st.text(), st.text(alphabet=PUBLIC + SECRET + SIGNATURE), st.binary().map(lambda b: b.decode("latin-1")))
)
def test_whatever_is_read_is_taken_or_refused(text: str) -> None:
    """By each of the three parsers: a TrustError, and no other."""
    for parse in (minisign.public_keys, minisign.secret_key, minisign.signature):
        for tried in (text, f"untrusted comment: {text}", f"untrusted comment: x\n{text}\n"):
            with contextlib.suppress(TrustError):
                parse(tried, "test")


@pytest.mark.parametrize("kind", ["missing", "folder", "large", "binary", "pipe"])
def test_what_is_no_small_file_of_text_is_refused(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for, a large file not read."""
    path = tmp_path / "file"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "missing":
        path.write_bytes(b"\xff" * 9 if kind == "binary" else b"a" * (minisign.MOST_BYTES + 1))
    with pytest.raises(TrustError, match=r"The key .*file"):
        minisign.read(path, "key")


def test_a_secret_key_shows_nothing() -> None:
    """Neither printed nor in a traceback."""
    assert repr(KEY) == str(KEY) == f"SecretKey({KEY.public.name})"


def test_pynacl_is_loaded_for_a_signature_alone() -> None:
    """The registry, the gateway and the handler are imported, and a version read without trust: it is not there."""
    code = "import sys, mulgam.registry, mulgam.signing, service.gateway, handler.worker\nprint('nacl' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
