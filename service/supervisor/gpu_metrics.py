"""Memory and use of each GPU, as its driver tells (NVML), read when Prometheus scrapes.

The library comes with the group `gpu`; without it, without a driver or without a GPU there are no such series.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)


class GpuMetrics(Collector):
    """The GPUs that this machine's driver shows to us."""

    def __init__(self) -> None:
        self._nvml: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception as problem:  # no library, no driver, no GPU: each has an exception of its own
            log.debug("no figures of GPUs: %s", problem)
            return
        self._nvml = pynvml

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        if self._nvml is None:
            return
        used = GaugeMetricFamily("mulgam_gpu_memory_used_bytes", "Memory of a GPU that is taken.", labels=("gpu",))
        total = GaugeMetricFamily("mulgam_gpu_memory_total_bytes", "Memory of a GPU.", labels=("gpu",))
        busy = GaugeMetricFamily(
            "mulgam_gpu_busy_ratio", "Share of the last moments that it computed.", labels=("gpu",)
        )
        try:
            for number in range(self._nvml.nvmlDeviceGetCount()):
                handle = self._nvml.nvmlDeviceGetHandleByIndex(number)
                memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
                used.add_metric((str(number),), memory.used)
                total.add_metric((str(number),), memory.total)
                busy.add_metric((str(number),), self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
        except self._nvml.NVMLError as problem:  # a GPU fell off the bus: the rest of the scrape goes on
            log.warning("the GPUs' driver gives no figures: %s", problem)
            return
        yield from (used, total, busy)
