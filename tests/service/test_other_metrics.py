"""Figures of others in our scrape: TorchServe's over its socket, a GPU's from its driver; none where there are none."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.metrics.rendering import render
from service.supervisor.gpu_metrics import GpuMetrics
from service.supervisor.torchserve_metrics import TorchServeMetrics

# As TorchServe 0.12.0 printed it.
TEXT = """# HELP QueueTime Torchserve prometheus gauge metric with unit: Milliseconds
# TYPE QueueTime gauge
QueueTime{Level="Host",Hostname="vm",} 0.0
# HELP ts_inference_requests_total Torchserve prometheus counter metric with unit: Count
# TYPE ts_inference_requests_total counter
ts_inference_requests_total{model_name="notes",model_version="1",hostname="vm",} 10.0
ts_inference_requests_total{model_name="notes",model_version="2",hostname="vm",} 4.0
# HELP ts_inference_latency_microseconds Torchserve prometheus counter metric with unit: Microseconds
# TYPE ts_inference_latency_microseconds counter
ts_inference_latency_microseconds{model_name="notes",model_version="1",hostname="vm",} 6500000.0
# HELP GPUUtilization Torchserve prometheus gauge metric with unit: Percent
# TYPE GPUUtilization gauge
"""


@pytest.fixture
def torchserve(tmp_path: Path) -> Iterator[Path]:
    """The folder of a server that answers one scrape."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "metrics.sock"))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-length: {len(TEXT)}\r\n\r\n{TEXT}".encode())

    thread = threading.Thread(target=answer)
    thread.start()
    yield tmp_path
    thread.join(5)
    listener.close()


def test_torchserves_counters_have_our_names_labels_and_units(torchserve: Path) -> None:
    """Calls, and seconds of them; nothing of its machine."""
    text = render(None, dict, [TorchServeMetrics(torchserve)]).decode()
    assert 'mulgam_torchserve_requests_total{model="notes",version="1"} 10.0' in text
    assert 'mulgam_torchserve_requests_total{model="notes",version="2"} 4.0' in text
    assert 'mulgam_torchserve_inference_seconds_total{model="notes",version="1"} 6.5' in text
    assert "vm" not in text
    assert "Time" not in text


def test_a_torchserve_that_is_gone_takes_nothing_with_it(tmp_path: Path) -> None:
    """The rest of the scrape is there."""
    text = render(None, lambda: {"notes": True}, [TorchServeMetrics(tmp_path)]).decode()
    assert 'mulgam_ready{model="notes"} 1.0' in text
    assert "mulgam_torchserve" not in text


class _DriverError(Exception):
    """As NVMLError."""


def driver(problem: Exception | None = None) -> SimpleNamespace:
    """NVML with two GPUs, the second of which may fail."""

    def memory(number: int) -> SimpleNamespace:
        if problem is not None and number == 1:
            raise problem
        return SimpleNamespace(used=2**30 * (number + 1), total=2**34)

    return SimpleNamespace(
        NVMLError=_DriverError, nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: 2, nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda number: SimpleNamespace(gpu=50),
    )  # fmt: skip


def test_each_gpu_has_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory in bytes, use as a share. The driver here is made up: there is no GPU."""
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    text = render(None, dict, [GpuMetrics()]).decode()
    assert 'mulgam_gpu_memory_used_bytes{gpu="1"} 2.147483648e+09' in text
    assert 'mulgam_gpu_busy_ratio{gpu="0"} 0.5' in text


@pytest.mark.parametrize("library", [None, driver(_DriverError("lost"))], ids=["none", "broken"])
def test_no_gpu_no_figures(library: SimpleNamespace | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither without the library nor with a driver that fails; the scrape goes on."""
    monkeypatch.setitem(sys.modules, "pynvml", library)  # None: importing it fails
    assert b"mulgam_gpu" not in render(None, dict, [GpuMetrics()])
