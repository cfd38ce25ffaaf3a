"""The parts of `make bench-load`: their arithmetic and their page; no throughput and no ratio is ever asserted."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import cores
from tests.bench.cells import Sample
from tests.bench.conditions import Conditions
from tests.bench.cores import Cores
from tests.bench.errors import BenchError
from tests.bench.open_loop import Arrivals
from tests.bench.tree import ROOT
from tests.bench.under_load import abuse, command, parts, report
from tests.bench.under_load.abuse import ABUSES, Abused
from tests.bench.under_load.bench import Bench, Limit, Part, Ratio
from tests.bench.under_load.crowd import Told
from tests.bench.under_load.extras import Extras
from tests.bench.under_load.gateways import Gateways
from tests.bench.under_load.rates import Rates

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, the load generator, is not installed")
needs_cores = pytest.mark.skipif(cores.choose().server is None, reason="one core, or none can be pinned to")

CONDITIONS = Conditions(
    date="2026-11-21 10:00 UTC", machine="a processor", cores=2, pinned=True, load_before=0.1,
    versions="Python 3.11.7", commit="abc1234", command="make bench-load", code="0a",
)  # fmt: skip


def sample(rate: float, cpu: float = 50.0) -> Sample:
    """A closed loop's measurement."""
    return Sample(rate, 0, 1.0, 2.0, cpu, 0.25, 0.01)


def arrived(rate: float, p50: float = 1.0, p99: float = 4.0, failed: int = 0) -> Arrivals:
    """An open loop's."""
    return Arrivals(rate, 1000, {"200": 1000 - failed, "503": failed}, p50, p99, 9.0, 0.05, 10, 0.2, 0.5)


class Gateway:
    """A process that has used so many CPU seconds, the next each time it is asked."""

    def __init__(self, *cpu: float) -> None:
        self.cpu = list(cpu)

    def cpu_times(self) -> tuple[float, float]:
        return self.cpu.pop(0), 0.0


class Scripted(Bench):
    """Gives what a test has prepared, and starts nothing."""

    def __init__(self, samples: list[Sample], arrivals: list[Arrivals] | None = None, folder: Path = Path()) -> None:
        super().__init__(None, 1, 1, Cores(1, 0), folder, lambda line: None)  # type: ignore[arg-type]
        self.samples = samples
        self.arrivals = arrivals or []
        self.rates: list[float] = []
        self.gateways: list[list[Gateway]] = []
        self.settings: list[Any] = []

    def place(self) -> Any:
        from tests.bench.contestants.base import Place

        return Place(self.model, self.folder, self.cores, 1)

    @contextlib.contextmanager
    def started(self, server: Any, place: Any = None) -> Iterator[Any]:
        self.settings.append(getattr(server, "_settings", {}))

        class Running:
            class tree:
                members = staticmethod(lambda word: self.gateways.pop(0))

        Running.place = place or self.place()  # type: ignore[attr-defined]
        yield Running

    def closed_loop(self, running: Any, cell: Any = None) -> Sample:
        return self.samples.pop(0)

    def open_loop(self, running: Any, rate: float, least_seconds: int = 0, alone: bool = True) -> Arrivals:
        self.rates.append(rate)
        return self.arrivals.pop(0)


def test_rates_are_shares_of_what_was_measured_right_before() -> None:
    """Each backend of its own capacity; all failures are told."""
    part = Rates()
    bare = [arrived(1.0, 0.25, 0.5)] * 4
    bench = Scripted([sample(1000.0), sample(400.0)], [arrived(500.0, failed=3), *[arrived(1.0)] * 3, *bare])
    part.round(bench)
    assert bench.rates == [500.0, 800.0, 200.0, 320.0] * 2
    text = part.section()
    assert "| Mulgam embedded | 1 | 1,000 | 1.00 | 2.00 | – | – | – | – | 0 | – | 0.25 |" in text
    assert "|  | 0.5 | 500 | 1.00 | 4.00 | 9.00 | 0.25 | 0.50 | 9.00 | 503: 3 | 0.05 | 0.20 |" in text
    assert "| Mulgam + TorchServe | 1 | 400 |" in text


def test_other_clients_are_compared_with_right_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """At half of the capacity, each kind of abuse with its own measurement without it; their answers are checked."""
    asked, checked = [], []

    @contextlib.contextmanager
    def crowd(kind: str, clients: int, *_: object) -> Iterator[Told]:
        asked.append((kind, clients))
        yield Told(clients, {"408": 2})

    monkeypatch.setattr(abuse, "crowd", crowd)
    monkeypatch.setattr(abuse, "_wait_until_idle", lambda running: None)
    monkeypatch.setattr(abuse.answers, "check", lambda server, *_: checked.append(server.name))
    part = Abused()
    bench = Scripted([sample(1000.0), sample(400.0)], [arrived(1.0), arrived(1.0, 1.5, 5.0, failed=1)] * 6)
    monkeypatch.setattr(bench, "model", type("Model", (), {"name": "mlp"}))
    part.round(bench)
    assert bench.rates == [500.0] * 10 + [200.0] * 2
    assert asked == [("half", 200), ("drip", 200), ("large", 1), ("read", 200), ("leave", 200), ("leave", 200)]
    assert list(dict.fromkeys(checked)) == ["mulgam-embedded", "mulgam-torchserve"]
    assert (
        "| 200 dripping CSV uploads | 1.00 | 1.50 | 4.00 | 5.00 | 503: 1 | 0.50 | 0.50 | 200 | 408: 2 |"
        in part.section()
    )
    lines = report.render(CONDITIONS, bench, [part], {})
    assert "200 dripping CSV uploads: other clients' p99, with ÷ without | 1.25 (1.25 – 1.25) | ≤ 1.5 | yes |" in lines
    assert "| the same: p50 | 1.50 (1.50 – 1.50) | – | – |" in lines


def test_two_gateways_are_compared_by_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores give twice what one core-second does; as measured, the generator has had its part."""
    part = Gateways()
    bench = Scripted([sample(16_000.0, 50.0), sample(24_000.0, 60.0)])
    bench.gateways = [[Gateway(1, 2)], [Gateway(1, 2), Gateway(2, 5)]]
    monkeypatch.setattr(cores, "two_servers", lambda: (set(os.sched_getaffinity(0)), None))
    part.round(bench)
    assert [settings["gateways"] for settings in bench.settings] == ["1", "2"]
    text = part.section()
    assert "| 1 on 1 core | 16,000 | 0.80 | 0.25 | 50.0 | 1.00 |" in text
    assert "| 2 on 2 cores | 24,000 | 1.44 | 0.25 | 60.0 | 0.75 |" in text
    assert "33,333 to 33,333 requests/s" in text
    by_cpu, measured = part.ratios()
    assert by_cpu.above[0] / by_cpu.below[0] == pytest.approx(2 * 50 / 60)
    assert (measured.above, measured.below, measured.aim) == ([24_000.0], [16_000.0], None)


def test_two_gateways_want_cores_of_their_own() -> None:
    """One sentence where there are none."""
    bench = Scripted([])
    bench.cores = Cores(None, None)
    with pytest.raises(BenchError, match="none can be pinned to"):
        Gateways().round(bench)


def test_extras_are_measured_in_changing_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off is without drift; each ratio is of the middle ones to off, by rate and CPU time; one bad moment is none."""
    part = Extras()
    monkeypatch.setattr(part, "_place", lambda bench, variant: None)
    monkeypatch.setattr("tests.bench.under_load.extras._wait_for_canary", lambda port, model: None)
    off, drift, both = sample(1000.0, 50.0), sample(900.0, 50.0), sample(800.0, 100.0)
    bench = Scripted([off, drift, both, sample(10.0), both, off, both, off, drift])
    monkeypatch.setattr(bench, "model", type("Model", (), {"name": "mlp"}))
    part.round(bench)
    assert ["drift_half_life" in settings for settings in bench.settings] == [True, False, False]
    ratios = {ratio.text: (ratio.above[0] / ratio.below[0], ratio.aim) for ratio in part.ratios()[::2]}
    assert ratios == {
        "drift on ÷ off: requests/s": (pytest.approx(0.9), 0.95),
        "its own bar, under 2 % of throughput: requests/s": (pytest.approx(0.9), 0.98),
        "drift and a canary on ÷ off: requests/s": (pytest.approx(0.8), 0.95),
    }
    assert part.ratios()[5].above[0] / part.ratios()[5].below[0] == pytest.approx(0.5)


class Stub(Part):
    """A part with something of everything."""

    name = "told"
    title = "What is told"

    def seconds(self, seconds: int) -> float:
        return 1.0

    def round(self, bench: Bench) -> None:
        raise BenchError(f"no such thing in {ROOT}/x")

    def section(self) -> str:
        return "A table."

    def ratios(self) -> list[Ratio]:
        return [
            Ratio("first ÷ second", [10.0, 20.0, 60.0], [5.0, 10.0, 10.0], 3.0),
            Ratio("shown", [1.0], [1.0], None),
        ]

    def limits(self) -> list[Limit]:
        return [Limit("megabytes", [100.0, 120.0], 150)]


def test_the_page_tells_aims_and_whether_they_are_reached() -> None:
    """The ratio of medians with the ratios of the rounds; a limit; nothing where there is no aim."""
    page = report.render(CONDITIONS, Scripted([]), [Stub()], {})
    assert "| first ÷ second | 2.00 (2.00 – 6.00) | ≥ 3 | no |" in page
    assert "| shown | 1.00 (1.00 – 1.00) | – | – |" in page
    assert "| megabytes | 110 (100 – 120) | ≤ 150 | yes |" in page
    assert "## What is told\n\nA table." in page
    assert "not quiet" not in page


def test_a_part_that_can_not_be_measured_is_told() -> None:
    """With why, without the folders of this machine; it is not tried again."""
    bench = Scripted([])
    bench.rounds = 2
    part = Stub()
    out = command._rounds(bench, [part])
    assert list(out) == ["told"]
    page = report.render(CONDITIONS, bench, [part], out)
    assert "## What is told\n\nNot measured: no such thing in ./x" in page
    assert "first ÷ second" not in page


def test_parts_are_chosen_by_name() -> None:
    """In the order of the page; a name that is none's is named."""
    assert [part.name for part in parts.chosen("extras, rates")] == ["rates", "extras"]
    assert len(parts.chosen("")) == len(parts.ALL)
    with pytest.raises(BenchError, match="'speed' is no part; there are rates, abuse"):
        parts.chosen("speed")


@pytest.mark.parametrize(
    ("words", "acts"),
    [
        ("", ["half", "drip", "large", "read", "leave", "leave"]),
        ("abuse", ["half", "drip", "large", "read", "leave", "leave"]),
        ("abuse/leave,abuse/drip", ["drip", "leave", "leave"]),
        ("abuse/half, abuse", ["half", "drip", "large", "read", "leave", "leave"]),
    ],
)
def test_a_kind_of_a_part_is_chosen_by_name(words: str, acts: list[str]) -> None:
    """In the order of the page, over each server that it is for; beside the whole part it says nothing more."""
    (part,) = (one for one in parts.chosen(words) if isinstance(one, Abused))
    assert [one.act for one in part._found] == acts


def test_a_kind_that_is_none_is_named() -> None:
    """With those that there are."""
    with pytest.raises(BenchError, match="'loud' is no kind of abuse; there are half, drip, large, read, leave"):
        parts.chosen("abuse/loud")
    with pytest.raises(BenchError, match="'slow' is no kind of rates; there are none"):
        parts.chosen("rates/slow")


def test_only_the_whole_and_warm_is_a_page_of_the_docs() -> None:
    """And the command on a page is the one that measured it."""
    for words, is_whole, said in (
        ([], True, "make bench-load ROUNDS=3 SECONDS=4"),
        (["--only", "abuse/drip"], False, "make bench-load ROUNDS=3 SECONDS=4 ONLY=abuse/drip"),
        (["--warm-up", "1"], False, "python -m tests.bench.under_load --rounds 3 --seconds 4 --warm-up 1"),
        (["--report", "a.md"], True, "python -m tests.bench.under_load --rounds 3 --seconds 4 --report a.md"),
    ):
        given = command._arguments(words)
        assert (command._is_whole(given), command._command(given)) == (is_whole, said)


@needs_cores
def test_two_gateways_get_other_cores_than_the_load() -> None:
    """Where there are three; among two the load has its part of both, and is told so."""
    servers, load = cores.two_servers()
    assert len(servers) == 2
    assert load not in servers
    with cores.among(servers):
        assert os.sched_getaffinity(0) == servers


@needs_wrk
@needs_cores
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.live
@pytest.mark.beside
@pytest.mark.parametrize("name", [part.name for part in parts.ALL])
def test_a_part_from_end_to_end(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """One short round, cold: a page with the part's section, and none of our folders left.

    Of the abuse without its longest kind, which stays until the service gives half a body up; `test_open_loop.py` has
    such clients meet a server that is told what to answer.
    """
    # Its name is short: TorchServe's sockets lie far below it.
    folder = tmp_path_factory.mktemp("b")
    page = folder / "page.md"
    acts = [act for act in Abused.kinds if act != "half"]
    only = ",".join(f"abuse/{act}" for act in acts) if name == "abuse" else name
    words = ["--rounds", "1", "--seconds", "1", "--warm-up", "1", "--only", only, "--report", str(page)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.under_load", *words], cwd=ROOT, capture_output=True, text=True,
        timeout=280, check=False, env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    text = page.read_text(encoding="utf-8")
    (part,) = parts.chosen(name)
    assert f"## {part.title}" in text
    assert "Not measured: " not in text
    assert str(ROOT) not in text
    ours = ("ml-", "requests-", "arrivals-", "request-")
    assert [path.name for path in folder.iterdir() if path.name.startswith(ours)] == []
    if name == "abuse":
        assert [one.act for one in ABUSES if one.text in text] == [*acts, "leave"]
