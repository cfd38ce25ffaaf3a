"""TorchServe's own counters, read when Prometheus scrapes and shown under our names, labels and units.

Golden replays are among them: they take the same way as requests.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from service.supervisor.unix_http import UnixConnection

# A scrape must not wait for a TorchServe that hangs: its figures are missing then, the others are there.
_TIMEOUT = 1.0
# TorchServe's series, without `_total` -> ours, what it says, and its unit as a share of ours.
_COUNTERS = {
    "ts_inference_requests": ("requests", "Calls that TorchServe has taken.", 1.0),
    "ts_inference_latency_microseconds": ("inference_seconds", "Seconds that they took there, waiting included.", 1e-6),
    "ts_queue_latency_microseconds": ("queue_seconds", "Seconds that they waited there for a worker.", 1e-6),
}


class TorchServeMetrics(Collector):
    """The counters of the TorchServe in a folder; none while it does not answer.

    Args:
        folder: its working folder.
    """

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "metrics.sock"

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        try:
            text = self._read()
        except (OSError, http.client.HTTPException):
            return
        for family in text_string_to_metric_families(text):
            if family.name in _COUNTERS:
                yield _ours(family)

    def _read(self) -> str:
        connection = UnixConnection(self._socket, _TIMEOUT)
        try:
            connection.request("GET", "/metrics")
            reply = connection.getresponse()
            return reply.read().decode("utf-8", "replace") if reply.status == 200 else ""
        finally:
            connection.close()


def _ours(theirs: Metric) -> Metric:
    name, what, unit = _COUNTERS[theirs.name]
    family = CounterMetricFamily(f"mulgam_torchserve_{name}", what, labels=("model", "version"))
    for sample in theirs.samples:
        family.add_metric((sample.labels["model_name"], sample.labels["model_version"]), sample.value * unit)
    return family
