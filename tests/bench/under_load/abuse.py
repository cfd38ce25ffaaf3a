"""What others notice of clients that are a burden: half bodies, drips, the largest bodies, slow readers, leavers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from service.settings import Settings
from tests.bench import answers
from tests.bench.cells import ROW
from tests.bench.contestants.base import RunningServer
from tests.bench.contestants.mulgam import Mulgam, MulgamEmbedded, MulgamTorchServe
from tests.bench.load import Request
from tests.bench.model import FEATURES, as_json, draw
from tests.bench.open_loop import Arrivals, written
from tests.bench.report import counted, shown, table
from tests.bench.under_load.bench import Bench, Part, Ratio
from tests.bench.under_load.crowd import Told, crowd
from tests.bench.usage import Usage

AIM = 1.5
# Of the capacity: what the other clients send.
SHARE = 0.5
CROWD = 200
_JSON = {"Content-Type": "application/json"}
# After each kind: until the service takes less of its core than this, but not longer than that.
_IDLE_CORES, _IDLE_SECONDS = 0.1, 10.0
# Beside each kind, eight rows are asked for so often, and their answers compared.
_CHECKS = 5


def half_body(model: str) -> bytes:
    """256 rows, of which half will come."""
    return _own_json(model, 256)


def dripped_table(model: str) -> bytes:
    """2,000 rows as CSV."""
    lines = [",".join(f"x{place}" for place in range(FEATURES))]
    lines += [",".join(map(str, row)) for row in as_json(draw(2000))]
    body = "".join(f"{line}\n" for line in lines).encode()
    return written(Request(f"/predict/{model}", {"Content-Type": "text/csv"}, [body]))[0]


def largest_body(model: str) -> bytes:
    """As many rows as are allowed, with all digits and so many spaces that as many bytes come as are allowed."""
    limits = Settings()
    rows = draw(limits.max_rows).astype(float) / 3.0
    width = (limits.max_body_bytes - 100) // (rows.size + 1) - 2
    lines = ("[" + ",".join(f"{value!r:>{width}}" for value in row) + "]" for row in rows.tolist())
    body = ('{"instances":[' + ",".join(lines) + "]}").encode()
    return written(Request(f"/predict/{model}", _JSON, [body.ljust(limits.max_body_bytes)]))[0]


def large_answer(model: str) -> bytes:
    """As many rows as are allowed, and so as large an answer."""
    return _own_json(model, Settings().max_rows)


def one_row(model: str) -> bytes:
    """As what the others send, so that it is computed together with theirs."""
    return _own_json(model, 1)


def _own_json(model: str, rows: int) -> bytes:
    body = json.dumps({"instances": as_json(draw(rows))}, separators=(",", ":")).encode()
    return written(Request(f"/predict/{model}", _JSON, [body]))[0]


@dataclass(frozen=True)
class Abuse:
    """One kind of client; `act` is its name in `apps/abusers.py`, `made` its request.

    `seconds` is what the measurement beside it takes at least.
    """

    text: str
    act: str
    clients: int
    made: Callable[[str], bytes]
    seconds: int = 0
    server: type[Mulgam] = MulgamEmbedded


ABUSES = (
    Abuse("200 clients that send half a body and stop", "half", CROWD, half_body, round(Settings().body_timeout) + 1),
    Abuse("200 dripping CSV uploads", "drip", CROWD, dripped_table),
    Abuse("1 client that sends the largest allowed bodies without pause", "large", 1, largest_body),
    Abuse("200 clients that read one byte a second of a large answer", "read", CROWD, large_answer),
    Abuse("200 clients that leave in mid-request", "leave", CROWD, one_row),
    Abuse("the same, over TorchServe", "leave", CROWD, one_row, server=MulgamTorchServe),
)


@dataclass
class _Rounds:
    """Of one kind, in the order of the rounds: without it, with it, and what it was told."""

    without: list[Arrivals] = field(default_factory=list)
    beside: list[Arrivals] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


class Abused(Part):
    """Its other clients at half of the capacity: embedded, and over TorchServe where the queue is what counts."""

    name = "abuse"
    title = "Other clients beside those that are a burden"
    kinds = tuple(dict.fromkeys(abuse.act for abuse in ABUSES))

    def __init__(self) -> None:
        self._found = {abuse: _Rounds() for abuse in ABUSES}

    def seconds(self, seconds: int) -> float:
        """See `Part.seconds`."""
        starts = sum(4 + made.warm_up + seconds for made in {abuse.server for abuse in self._found})
        return starts + len(self._found) * (2 * seconds + 3)

    def choose(self, kinds: Collection[str]) -> None:
        """See `Part.choose`."""
        self._found = {abuse: found for abuse, found in self._found.items() if abuse.act in kinds}

    def round(self, bench: Bench) -> None:
        """See `Part.round`."""
        for made in dict.fromkeys(abuse.server for abuse in self._found):
            server = made()
            with bench.started(server) as running:
                rate = SHARE * bench.closed_loop(running).rate
                for abuse in self._found:
                    if abuse.server is made:
                        self._beside(bench, server, running, abuse, rate)
                        _wait_until_idle(running)

    def _beside(self, bench: Bench, server: Mulgam, running: RunningServer, abuse: Abuse, rate: float) -> None:
        """Measure without them, then with them; raises BenchError where an answer beside them is wrong."""
        found = self._found[abuse]
        found.without.append(bench.open_loop(running, rate))
        bench.say(f"  beside {abuse.text}")
        request = abuse.made(bench.model.name)
        with crowd(abuse.act, abuse.clients, running.place.port, request, bench.cores.load) as told:
            found.beside.append(bench.open_loop(running, rate, abuse.seconds, alone=False))
            for _ in range(_CHECKS):
                answers.check(server, running, bench.model, [ROW[1]])
        bench.say(f"  {told.at_it} were at it in the end; they were answered {counted([told.outcomes])}")
        found.told.append(told)

    def section(self) -> str:
        """See `Part.section`."""
        head = [
            "beside", "p50 ms without", "with", "p99 ms without", "with", "failed with",
            "cores of the service without", "with", "of them at it in the end",
            "what they were answered, all rounds",
        ]  # fmt: skip
        return table(head, (_row(abuse, found) for abuse, found in self._found.items() if found.told)) + (
            f"\n\nMulgam embedded, unless said, with default settings; the other clients send one row a request, at"
            f" {SHARE:g} of the capacity, as above, and are measured right before and during each; after that, with the"
            f" burden still there, {8 * _CHECKS} answers are compared with ONNX Runtime's. Who is answered, cut off or"
            " has left comes again after about a second. Who leaves has sent the whole request, or as often a part of"
            " its body. A body that stops is given up after"
            f" {Settings().body_timeout:g} s (408), a table is taken from {Settings().bulk_requests} clients at a time"
            f" (else 503), a body is at most {Settings().max_body_bytes // 2**20} MiB and {Settings().max_rows:,} rows."
            " The generator shares its core with these clients, which run at the lowest priority."
        )

    def ratios(self) -> list[Ratio]:
        """See `Part.ratios`."""
        return [
            ratio
            for abuse, found in self._found.items() if found.told
            for ratio in (
                Ratio(f"{abuse.text}: other clients' p99, with ÷ without", [one.p99 for one in found.beside],
                      [one.p99 for one in found.without], AIM, less_is_better=True),
                Ratio("the same: p50", [one.p50 for one in found.beside], [one.p50 for one in found.without], None),
            )
        ]  # fmt: skip


def _wait_until_idle(running: RunningServer) -> None:
    """What was left half done is not to be the next one's fault."""
    deadline = time.monotonic() + _IDLE_SECONDS
    while time.monotonic() < deadline:
        usage = Usage(running.tree)
        time.sleep(0.5)
        taken = usage.taken(0.0)
        if taken.cpu < _IDLE_CORES * taken.seconds:
            return


def _row(abuse: Abuse, found: _Rounds) -> list[str]:
    return [
        abuse.text,
        shown([one.p50 for one in found.without]), shown([one.p50 for one in found.beside]),
        shown([one.p99 for one in found.without]), shown([one.p99 for one in found.beside]),
        counted([one.failures for one in found.beside]),
        shown([one.server for one in found.without]), shown([one.server for one in found.beside]),
        shown([float(one.at_it) for one in found.told]),
        counted([one.outcomes for one in found.told]),
    ]  # fmt: skip
