"""`python -m tests.fuzz`: so many inputs for the decoders, so many requests for the socket, so many made from the API
reference for each of its operations; 1 where one did harm."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz import reference, rpc, sockets
from tests.fuzz.decoders import Decoder, attempt, decoders
from tests.fuzz.mutation import mutated

# No input of this size may take longer.
MOST_SECONDS = 5.0


def main() -> int:
    """A line for each decoder, for the sockets and for the reference; then what did harm."""
    given = _arguments()
    print(f"fuzz: seed {given.seed}")
    started = time.perf_counter()
    targets = decoders()
    each = -(-given.inputs // len(targets))
    harm = [one for decoder in targets for one in _told(decoder, given.seed, each)]
    seconds = time.perf_counter() - started
    print(f"fuzz: {each * len(targets)} inputs for {len(targets)} decoders, {len(harm)} crashes, {seconds:.0f} s")
    if given.requests:
        harm += sockets.run(given.seed, given.requests)
    if given.calls:
        harm += rpc.run(given.seed, given.calls)
    if given.examples:
        harm += reference.run(given.seed, given.examples)
    for one in harm:
        print(f"fuzz: {one}", file=sys.stderr)
    return 1 if harm else 0


def crashes(decoder: Decoder, seed: int, inputs: int) -> list[str]:
    """What went wrong, each kind once, with the input that did it."""
    found: dict[str, str] = {}
    for number in range(inputs):
        data = mutated(seed, number, decoder.corpus)
        began = time.perf_counter()
        crash = attempt(decoder, data)
        if crash is None and time.perf_counter() - began > MOST_SECONDS:
            crash = f"took longer than {MOST_SECONDS:g} s"
        if crash is not None:
            kind = crash.partition(":")[0]
            found.setdefault(kind, f"{decoder.name}, input {number}: {crash[:300]}\n      {data[:400]!r}")
    return list(found.values())


def _told(decoder: Decoder, seed: int, inputs: int) -> list[str]:
    began = time.perf_counter()
    found = crashes(decoder, seed, inputs)
    rate = inputs / (time.perf_counter() - began)
    print(f"fuzz: {decoder.name:24} {inputs} inputs, {rate:,.0f} a second, {len(found)} kinds of crash", flush=True)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for all decoders together (%(default)s)")
    parser.add_argument("--requests", type=int, default=100_000, help="on the socket; 0: none (%(default)s)")
    parser.add_argument("--calls", type=int, default=50_000, help="on the gRPC listener; 0: none (%(default)s)")
    parser.add_argument(
        "--examples", type=int, default=200, help="of each operation of the API reference; 0: none (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="makes the same inputs again (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
