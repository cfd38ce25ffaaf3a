"""`python -m tests.bench.apps.onnx_loop MODEL ROWS SECONDS`: ONNX Runtime alone, one call after the other."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import onnxruntime


def main(path: str, rows: int, seconds: float) -> None:
    """Print calls, seconds, CPU seconds and the percentiles of a call in milliseconds as JSON."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(1)
    batches = [{"numeric": generator.normal(size=(rows, 8)).astype(np.float32)} for _ in range(64)]
    for batch in batches:
        session.run(None, batch)
    times = []
    cpu, started = time.process_time(), time.perf_counter()
    now = started
    while now - started < seconds:
        session.run(None, batches[len(times) % len(batches)])
        then, now = now, time.perf_counter()
        times.append(now - then)
    cpu = time.process_time() - cpu
    p50, p99 = (float(value) * 1000 for value in np.percentile(times, (50, 99)))
    print(json.dumps({"calls": len(times), "seconds": now - started, "cpu": cpu, "p50": p50, "p99": p99}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
