"""One row in ONNX Runtime with one thread: the networks beside one another, in turns."""

from __future__ import annotations

import statistics
import time

import numpy as np
import onnxruntime

from model.data.description import features
from model.data.graph_inputs import encoded
from model.release.export import example_inputs, to_onnx
from model.release.promise import signature
from tests.bench.training import own
from tests.bench.training.division import Division

NAME, CONTESTANT = "latency", "onnxruntime"
_CALLS = 300


def measure(division: Division, networks: dict[str, str]) -> dict[str, float]:
    """Median µs a call of each network, and as `… ratio` that to the first one's, the median of the rounds.

    Args:
        division: of the table.
        networks: contestant -> keys of its section [network]. Trained for one epoch: the graph is the whole training's.
    """
    rounds = 3 if division.quick else 30
    sessions = {name: _session(division, network) for name, network in networks.items()}
    row = _inputs(division, 1)
    found: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(rounds + 1):
        for name, session in sessions.items():
            times = []
            for _ in range(_CALLS):
                begun = time.perf_counter_ns()
                session.run(None, row)
                times.append(time.perf_counter_ns() - begun)
            if turn:  # the first round warms up
                found[name].append(statistics.median(times) / 1000)
    first = next(iter(found.values()))
    scores = {name: statistics.median(values) for name, values in found.items()}
    for name, values in found.items():
        scores[f"{name} ratio"] = statistics.median(one / base for one, base in zip(values, first, strict=True))
    return scores


def _inputs(division: Division, rows: int) -> dict[str, np.ndarray]:
    described = features(division.table, division.parts.train)
    return encoded(division.table, described, division.parts.test[:rows])


def _session(division: Division, network: str) -> onnxruntime.InferenceSession:
    module = own.trained(division, network, epochs=1)
    promise = signature(
        own.recipe(division, network), division.table, features(division.table, division.parts.train),
        division.parts.train,
    )  # fmt: skip
    content = to_onnx(module, promise, example_inputs(_inputs(division, 3), promise))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
