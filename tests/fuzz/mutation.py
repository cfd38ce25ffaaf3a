"""Hostile bytes from good ones: a few changes each, the same for the same seed and number."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

# What breaks decoders: limits of numbers and lengths, words of the formats, brackets, bytes that are no UTF-8.
TOKENS = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"1e39", b"0.1", b"-1", b"18446744073709551616",
    b"9" * 400, b"9" * 5000, b"[]", b"{}", b"[" * 70, b"[" * 3000, b'{"a":' * 2000, b"]", b'"', b",", b":", b"\\",
    b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xb2", b"\x00",
    b"\x1b[31m", b"\r\n", b"\n", b"\r", b"\xe2\x80\xa8", b"\xcc\x81" * 50, b"\xff\xff\xff\xff", b"\x00\x00\x00\x80",
    b"\x7f", b"%00", b"%ff", b"../", b"#", b'"shape"', b'"data"', b'"parameters"', b'"instances"', b'"inputs"',
    b'"binary_data_size"', b"BYTES", b"INT64", b"FP16",
)  # fmt: skip
Change = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutated(seed: int, number: int, corpus: Sequence[bytes]) -> bytes:
    """Input `number` of a run: a good one with one to six changes; one in twenty is noise from end to end."""
    chance = random.Random(seed << 40 | number)
    if number % 20 == 0:
        return chance.randbytes(chance.randrange(200))
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        chance.choice(_CHANGES)(chance, data, corpus)
    return bytes(data)


def _flip(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _replace(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(b'\x00\xff\x80\n",:[]{}-09eE. ')


def _insert(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(TOKENS)


def _overwrite(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at : at + chance.randrange(1, 12)] = chance.choice(TOKENS)


def _remove(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 1, 2, 4, 16))]


def _repeat(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    part = data[at : at + chance.choice((1, 4, 16, 64))]
    data[at:at] = part * chance.choice((1, 2, 20))


def _cut(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _splice(chance: random.Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    other = chance.choice(corpus)
    data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]


_CHANGES: tuple[Change, ...] = (_flip, _replace, _insert, _overwrite, _remove, _repeat, _cut, _splice)
